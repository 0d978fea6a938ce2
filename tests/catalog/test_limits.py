"""A limit can be written in code in many ways, and all say the same."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from perfkit.catalog import parse_limit, parse_limits
from perfkit.errors import BudgetError, UnitError
from perfkit.model import LIMITABLE, Direction, Limit, Metric, Statistic

SPREAD = Limit(metric=Metric.DURATION, target=0.1, threshold=0.3, direction=Direction.AT_MOST)


@pytest.mark.parametrize(
    "value",
    ["300ms", "<= 300ms", "< 0.3 s", 0.3, timedelta(seconds=0.3), {"threshold": "300ms"}],
)
def test_one_value_is_the_threshold_and_the_target_too(value: object) -> None:
    limit = parse_limit(Metric.DURATION, value)

    assert (limit.target, limit.threshold, limit.direction) == (0.3, 0.3, Direction.AT_MOST)


@pytest.mark.parametrize(
    "value",
    [
        ("100ms", "300ms"),
        (0.1, timedelta(milliseconds=300)),
        {"target": "100ms", "threshold": "300ms"},
        {"target": "<100ms", "threshold": "\N{LESS-THAN OR EQUAL TO} 300ms"},
        {"target": 0.1, "threshold": 0.3, "direction": "at_most"},
        SPREAD,
    ],
)
def test_target_and_threshold(value: object) -> None:
    assert parse_limit(Metric.DURATION, value) == SPREAD


def test_a_statistic_over_a_window() -> None:
    limit = parse_limit(
        Metric.DURATION,
        {"threshold": "1s", "statistic": "p95", "window": "5m", "min_samples": 20},
    )

    assert (limit.statistic, limit.window, limit.min_samples) == (Statistic.P95, 300.0, 20)


@pytest.mark.parametrize("window", ["1min", 60, timedelta(minutes=1), None])
def test_a_window_in_code_is_text_seconds_a_timedelta_or_left_out(window: object) -> None:
    limit = parse_limit(Metric.DURATION, {"threshold": "1s", "statistic": "p95", "window": window})

    assert limit.window == 60.0


@pytest.mark.parametrize("metric", LIMITABLE)
def test_every_metric_has_its_usual_statistic_and_a_window_of_a_minute(metric: Metric) -> None:
    limit = parse_limit(metric, 1)

    assert limit.statistic is metric.default_statistic
    assert limit.window == (None if limit.statistic is Statistic.EACH else 60.0)


@pytest.mark.parametrize(
    ("value", "direction"),
    [
        ((1000, 500), Direction.AT_LEAST),
        ((500, 1000), Direction.AT_MOST),
        (10, Direction.AT_MOST),
        (">= 10", Direction.AT_LEAST),
    ],
)
def test_which_side_of_concurrency_is_good_follows_from_the_order(
    value: object, direction: Direction
) -> None:
    assert parse_limit(Metric.CONCURRENCY, value).direction is direction


def test_a_comparator_turns_a_metric_round() -> None:
    assert parse_limit(Metric.THROUGHPUT, "<= 10/s").direction is Direction.AT_MOST


@pytest.mark.parametrize(
    ("word", "exponent"), [("Constant", 0.0), ("linear", 1.0), ("<= Quadratic", 2.0), ("1.5", 1.5)]
)
def test_scaling_can_be_said_in_words(word: str, exponent: float) -> None:
    assert parse_limit(Metric.SCALING_EXPONENT, word).threshold == exponent


def test_a_list_is_several_limits_of_one_metric() -> None:
    limits = parse_limits(
        Metric.DURATION,
        [
            {"threshold": "100ms", "statistic": "p50"},
            {"target": "500ms", "threshold": "1s", "statistic": "p99"},
        ],
    )

    assert [limit.statistic for limit in limits] == [Statistic.P50, Statistic.P99]


@pytest.mark.parametrize(
    ("metric", "value", "says"),
    [
        (Metric.DURATION, True, 'duration: true is not a quantity; write "100ms"'),
        (Metric.DURATION, None, "duration: None is not a quantity"),
        (Metric.DURATION, Decimal(1), "is not a quantity"),
        (Metric.DURATION, 10**400, "duration: the number is too large; write a smaller one"),
        (Metric.MEMORY_PEAK, timedelta(seconds=1), 'is not a quantity; write "50MB"'),
        (Metric.DURATION, {"target": "5MB", "threshold": "1s"}, "duration.target: "),
        (Metric.HIT_RATIO, 95, 'is more than all; write hit_ratio between "0%" and "100%"'),
        (Metric.SCALING_EXPONENT, "fast", 'is no exponent; write "constant", "linear"'),
    ],
)
def test_a_quantity_that_cannot_be_read_is_a_unit_error(
    metric: Metric, value: object, says: str
) -> None:
    with pytest.raises(UnitError) as caught:
        parse_limit(metric, value)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "value", "says"),
    [
        (Metric.DURATION, {}, 'no threshold; write threshold = "100ms"'),
        (Metric.DURATION, {"threshold": "1s", "statistic": "p42"}, '"p42" is not a statistic'),
        (Metric.DURATION, {"threshold": "1s", "statistic": ["p95"]}, "is not a statistic"),
        (Metric.DURATION, {"threshold": "1s", "direction": "up"}, 'write one of "at_most"'),
        (
            Metric.DURATION,
            {"threshold": "1s", "window": "1m"},
            'a window needs a statistic; write statistic = "p95"',
        ),
        (Metric.DURATION, {"threshold": "1s", "min_samples": "many"}, "is not a whole number"),
        (Metric.DURATION, {"threshold": "1s", "min_samples": True}, "true is not a whole number"),
        (Metric.DURATION, ("< 1s", "> 2s"), 'one part says "at most" and another "at least"'),
        (Metric.DURATION, parse_limit(Metric.CPU_TIME, "1s"), "this limit is on cpu_time"),
    ],
)
def test_parts_that_do_not_fit_are_a_budget_error(metric: Metric, value: object, says: str) -> None:
    with pytest.raises(BudgetError) as caught:
        parse_limit(metric, value)

    assert says in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BudgetError) as caught:
        parse_limit(Metric.DURATION, {"target": "1 parsec", "statistic": "p42", "colour": "red"})

    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "duration.colour",
        "duration.target",
        "duration.statistic",
        "duration",
    ]


@pytest.mark.parametrize(
    "value",
    [
        2,
        [2, 3],
        {"threshold": 2},
        Limit(
            metric=Metric.BURN_RATE,
            target=1.0,
            threshold=2.0,
            direction=Direction.AT_MOST,
            statistic=Statistic.RATIO,
            window=3600.0,
        ),
    ],
)
def test_who_limits_the_burn_rate_is_told_of_objectives(value: object) -> None:
    for parse in (parse_limit, parse_limits):
        with pytest.raises(BudgetError) as caught:
            parse(Metric.BURN_RATE, value)

        assert str(caught.value).count("\n") == 0
        assert str(caught.value).endswith('; write objective = "99.9%" instead')


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "duration: no limit in the list"),
        (["100ms", "300ms"], 'duration[0]: "100ms" is not a table; write { threshold = "100ms" }'),
    ],
)
def test_a_list_holds_tables(value: object, says: str) -> None:
    with pytest.raises(BudgetError) as caught:
        parse_limits(Metric.DURATION, value)

    assert says in str(caught.value)
