"""An objective can be written in code in many ways, and all say the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perfkit.catalog import parse_objective
from perfkit.errors import BudgetError, UnitError
from perfkit.model import Objective

DAY = 86_400.0


@pytest.mark.parametrize(
    "value", ["99.9%", " 99.9 % ", "0.999", 0.999, {"ratio": "99.9%"}, Objective(ratio=0.999)]
)
def test_a_ratio_is_an_objective_over_30_days(value: object) -> None:
    assert parse_objective(value) == Objective(ratio=0.999, period=30 * DAY, min_samples=20)


@pytest.mark.parametrize("period", ["7d", "168h", 7 * DAY, timedelta(days=7)])
def test_a_period_in_code_is_text_seconds_or_a_timedelta(period: object) -> None:
    objective = parse_objective({"ratio": 0.99, "period": period, "min_samples": 5})

    assert objective == Objective(ratio=0.99, period=7 * DAY, min_samples=5)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "objective: true is not a ratio"),
        (None, "objective: None is not a ratio"),
        (["99%"], "is not a ratio"),
        ("1s", 'objective: "1s" is not a ratio'),
        ({"ratio": "99%", "period": "5MB"}, 'objective.period: "5MB" is not a duration'),
    ],
)
def test_a_quantity_that_cannot_be_read_is_a_unit_error(value: object, says: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_objective(value)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (99.9, "objective: ratio is 9,990%; write"),
        ({"ratio": "99%", "window": "1d"}, "objective.window: unknown key; write one of ratio, "),
        ({"ratio": "99%", "perod": "1d"}, "objective.perod: unknown key; did you mean period?"),
        ({"ratio": "99%", "period": 0}, "objective: period is 0.0 s; write one longer"),
    ],
)
def test_parts_that_do_not_fit_are_a_budget_error(value: object, says: str) -> None:
    with pytest.raises(BudgetError) as caught:
        parse_objective(value)

    assert says in str(caught.value)
