"""What decorators and blocks accept, and what they say to the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perfkit import (
    BudgetError,
    Limit,
    UnitError,
    budget,
    cpu_profiled,
    memory_profiled,
    ratio,
    timed,
)
from perfkit.instruments.options import BUDGET, MEMORY_PROFILED, RATIO, callsite_options_of
from perfkit.model import Direction


def _limit(value: Any) -> Limit:
    (limit,) = callsite_options_of(BUDGET, "x", {"duration": value}).limits
    return limit


@pytest.mark.parametrize(
    "written",
    ["2s", 2, 2.0, timedelta(seconds=2), ("2s", "2s"), {"threshold": "2s"}, "< 2s"],
)
def test_a_single_value_is_threshold_and_target(written: Any) -> None:
    limit = _limit(written)
    assert (limit.target, limit.threshold, limit.direction) == (2.0, 2.0, Direction.AT_MOST)


def test_target_and_threshold_are_of_the_decorators_own_metric() -> None:
    written = {"target": "1MB", "threshold": "2MB"}
    (limit,) = callsite_options_of(MEMORY_PROFILED, "x", written).limits
    assert (limit.metric, limit.target, limit.threshold) == ("memory_peak", 1e6, 2e6)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BudgetError) as caught:
        budget("x", duration="2 parsecs", memory_peak="50ms")
    assert "parsecs" in str(caught.value)
    assert "memory_peak" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"treshold": "1s"},
            TypeError,
            "timed.. has no argument 'treshold'; did you mean 'threshold'",
        ),
        ({"zzzzz": "1s"}, TypeError, "timed.. takes: a name, target"),
        ({"spans": "sometimes"}, BudgetError, '"always", "violations" or "never"'),
        ({"on_violation": 3}, TypeError, "3 is not a sink"),
        ({"target": "1s"}, BudgetError, "no threshold"),
        ({"target": "3s", "threshold": "2s"}, BudgetError, "looser"),
        ({"threshold": "1s", "duration": "1s"}, BudgetError, "given twice"),
        ({"sinks": ["log"], "on_violation": "raise"}, TypeError, "write sinks=.* with all"),
        ({"on_violation": ["log", "raise"]}, TypeError, "a single sink; write sinks="),
        ({"every": 3}, TypeError, "timed.. has no argument 'every'"),
    ],
)
def test_a_mistake_is_told_at_decoration(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        timed("x", **options)


@pytest.mark.parametrize("entry_point", [timed, budget, cpu_profiled, memory_profiled, ratio])
def test_every_entry_point_names_itself_and_its_usage(entry_point: Any) -> None:
    name = entry_point.__name__
    usage = rf"{name}\(\) has no argument 'treshold'.*\n{name}\(\) takes: a name, target, threshold"
    with pytest.raises(TypeError, match=usage):
        entry_point("x", treshold="1s")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({"every": every}, "write a number of calls") for every in (0, -1, 1.5, "all", True)),
        ({"sample_rate": 1.1}, "sample_rate is 1.1"),
        ({"sample_rate": True}, "sample_rate is True"),
        ({"sample_rate": "1%"}, "write a share of calls from 0 to 1"),
        ({"sample_rate": 0.5, "every": 2}, "every and sample_rate are both given"),
    ],
)
def test_a_wrong_share_of_calls_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BudgetError, match=message):
        cpu_profiled("x", **options)


def test_a_block_and_a_ratio_accept_target_and_threshold() -> None:
    with budget("upload", target="1s", threshold="2s") as spent:
        pass
    (verdict,) = spent.verdicts
    assert (verdict.limit.metric, verdict.limit.target, verdict.limit.threshold) == (
        "duration",
        1.0,
        2.0,
    )
    (limit,) = callsite_options_of(RATIO, "cache", {"threshold": "85%"}).limits
    assert (limit.metric, limit.threshold, limit.direction) == ("hit_ratio", 0.85, "at_least")


def test_sinks_are_one_or_several() -> None:
    assert callsite_options_of(BUDGET, "x", {"sinks": "log"}).sinks == ("log",)
    assert callsite_options_of(BUDGET, "x", {"sinks": ["log", "raise"]}).sinks == ("log", "raise")
    assert callsite_options_of(BUDGET, "x", {"on_violation": "raise"}).sinks == ("raise",)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(BudgetError, match="empty name"):
        timed("  ")


def test_unit_errors_are_value_errors_for_those_who_catch_these() -> None:
    assert issubclass(UnitError, ValueError)
