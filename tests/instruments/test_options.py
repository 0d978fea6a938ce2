"""What decorators and blocks accept, and what they say to the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perfkit import BudgetError, Limit, Metric, UnitError, budget, timed
from perfkit.instruments.options import callsite_options_of
from perfkit.model import Direction


def _limit(value: Any) -> Limit:
    (limit,) = callsite_options_of("x", {"duration": value}).limits
    return limit


@pytest.mark.parametrize(
    "written",
    ["2s", 2, 2.0, timedelta(seconds=2), ("2s", "2s"), {"threshold": "2s"}, "< 2s"],
)
def test_a_single_value_is_threshold_and_target(written: Any) -> None:
    limit = _limit(written)
    assert (limit.target, limit.threshold, limit.direction) == (2.0, 2.0, Direction.AT_MOST)


def test_target_and_threshold_are_of_the_decorators_own_metric() -> None:
    request = callsite_options_of(
        "x", {"target": "1MB", "threshold": "2MB"}, own_metric=Metric.MEMORY_PEAK
    )
    (limit,) = request.limits
    assert (limit.metric, limit.target, limit.threshold) == ("memory_peak", 1e6, 2e6)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BudgetError) as caught:
        budget("x", duration="2 parsecs", memory_peak="50ms")
    assert "parsecs" in str(caught.value)
    assert "memory_peak" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"treshold": "1s"}, TypeError, "did you mean 'threshold'"),
        ({"zzzzz": "1s"}, TypeError, "it takes category"),
        ({"spans": "sometimes"}, BudgetError, '"always", "violations" or "never"'),
        ({"on_violation": 3}, TypeError, "3 is no sink"),
        ({"target": "1s"}, BudgetError, "no threshold"),
        ({"target": "3s", "threshold": "2s"}, BudgetError, "looser"),
        ({"threshold": "1s", "duration": "1s"}, BudgetError, "given twice"),
    ],
)
def test_a_mistake_is_told_at_decoration(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        timed("x", **options)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(BudgetError, match="empty name"):
        timed("  ")


def test_unit_errors_are_value_errors_for_those_who_catch_these() -> None:
    assert issubclass(UnitError, ValueError)
