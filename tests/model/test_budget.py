"""Budgets and limits hold together, or say why not."""

from __future__ import annotations

import math

import pytest
from attrs import evolve

from perfkit.errors import BudgetError
from perfkit.model import LIMITABLE, Budget, Direction, Limit, Metric, Objective, Statistic


def limit(**parts: object) -> Limit:
    """A limit on duration, other where `parts` say so."""
    usual = {
        "metric": Metric.DURATION,
        "target": 0.1,
        "threshold": 0.3,
        "direction": Direction.AT_MOST,
    }
    return Limit(**(usual | parts))  # type: ignore[arg-type]  # the tests pass wrong parts too


@pytest.mark.parametrize(
    ("direction", "good", "bad"), [(Direction.AT_MOST, 0.1, 0.11), (Direction.AT_LEAST, 0.3, 0.29)]
)
def test_a_value_on_the_line_is_on_its_good_side(
    direction: Direction, good: float, bad: float
) -> None:
    both = limit(direction=direction, target=good, threshold=good)

    assert both.meets_target(good)
    assert both.holds_threshold(good)
    assert not both.meets_target(bad)
    assert not both.holds_threshold(bad)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (
            {"target": 0.5},
            "target 500 ms is looser than threshold 300 ms; write a target of at most",
        ),
        ({"direction": Direction.AT_LEAST}, "write a target of at least 300 ms"),
        ({"target": -1.0}, "target is -1.0; write a finite number"),
        ({"threshold": math.nan}, "threshold is nan; write a finite number"),
        ({"threshold": math.inf}, "threshold is inf; write a finite number"),
        ({"window": 60.0}, '"each" has no window'),
        ({"statistic": Statistic.P95}, 'statistic "p95" needs a window; write window = "1m"'),
        ({"statistic": Statistic.P95, "window": 0.0}, "write one longer than zero"),
        (
            {"metric": Metric.HIT_RATIO, "window": 60.0},
            'or write a statistic such as "ratio"',
        ),
        ({"min_samples": 0}, "min_samples is 0; write 1 or more"),
    ],
)
def test_a_limit_that_contradicts_itself_says_how(parts: dict[str, object], says: str) -> None:
    with pytest.raises(BudgetError) as caught:
        limit(**parts)

    assert says in str(caught.value)


def test_all_that_is_wrong_with_a_limit_is_said_at_once() -> None:
    with pytest.raises(BudgetError) as caught:
        limit(target=-1.0, min_samples=0, window=60.0)

    assert str(caught.value).count(";") == 5


def test_two_limits_of_one_statistic_are_refused() -> None:
    with pytest.raises(BudgetError, match="two limits on duration each; keep one"):
        Budget(name="a", limits=[limit(), limit(target=0.2)])  # type: ignore[arg-type]  # converted


def test_one_metric_may_have_limits_on_several_statistics() -> None:
    limits = (limit(), limit(statistic=Statistic.P95, window=60.0))

    assert Budget(name="a", limits=limits).metrics == {Metric.DURATION}


def test_a_budget_needs_a_name() -> None:
    with pytest.raises(BudgetError, match="no name; write one"):
        Budget(name="")


def test_every_metric_has_a_usual_statistic_and_less_is_better_but_for_a_few() -> None:
    at_least = {Metric.THROUGHPUT: Direction.AT_LEAST, Metric.HIT_RATIO: Direction.AT_LEAST}
    usual = dict.fromkeys(Metric, Direction.AT_MOST) | at_least | {Metric.CONCURRENCY: None}

    assert {metric: metric.default_direction for metric in Metric} == usual
    assert all(metric.default_statistic in metric.statistics for metric in Metric)
    assert set(Metric) - set(LIMITABLE) == {Metric.BURN_RATE}


MEANINGFUL = {
    Metric.THROUGHPUT: "rate",
    Metric.DISK_READ_RATE: "each p50 p90 p95 p99 max mean rate",
    Metric.CPU_UTILIZATION: "each p50 p90 p95 p99 max mean ratio",
    Metric.HIT_RATIO: "each mean ratio",
    Metric.ERROR_RATIO: "mean ratio",
    Metric.BURN_RATE: "ratio",
    Metric.DURATION: "each p50 p90 p95 p99 max mean",
    Metric.MEMORY_RSS: "each p50 p90 p95 p99 max mean",
    Metric.CONCURRENCY: "each p50 p90 p95 p99 max mean",
}


@pytest.mark.parametrize("statistic", Statistic)
@pytest.mark.parametrize("metric", MEANINGFUL)
def test_a_limit_holds_only_what_means_something(metric: Metric, statistic: Statistic) -> None:
    parts = {
        "metric": metric,
        "statistic": statistic,
        "window": None if statistic is Statistic.EACH else 60.0,
    }
    if statistic in MEANINGFUL[metric].split():
        assert limit(**parts).statistic is statistic
    else:
        with pytest.raises(BudgetError, match=f'{metric} has no statistic "{statistic}"; write '):
            limit(**parts)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"ratio": 0.0}, "ratio is 0%; write one above 0% and below 100%"),
        ({"ratio": 1.0}, "ratio is 100%; write"),
        ({"ratio": math.nan}, "ratio is nan%; write"),
        ({"period": 0.0}, "period is 0.0 s; write one longer than zero, such as 30d"),
        ({"period": math.inf}, "period is inf s; write"),
        ({"min_samples": 0}, "min_samples is 0; write 1 or more"),
    ],
)
def test_an_objective_that_cannot_be_held_says_why(parts: dict[str, float], says: str) -> None:
    with pytest.raises(BudgetError) as caught:
        Objective(**({"ratio": 0.999} | parts))  # type: ignore[arg-type]  # a count is a float here

    assert says in str(caught.value)


def test_all_that_is_wrong_with_an_objective_is_said_at_once() -> None:
    with pytest.raises(BudgetError) as caught:
        Objective(ratio=2.0, period=-1.0, min_samples=-1)

    assert str(caught.value).count(";") == 5


def test_a_kind_of_evidence_that_is_unknown_is_refused() -> None:
    with pytest.raises(BudgetError, match="no evidence is called 'network'; write one of \"cpu\""):
        Budget(name="a", evidence=("network",))


def test_a_budget_is_written_like_a_block() -> None:
    written = Budget(
        "upload",
        target="1s",
        threshold="2s",
        memory_peak=("10MB", "50MB"),
        category="web",
        objective="99.9%",
        evidence="cpu",
        sinks="log",
    )
    assert [(limit.metric, limit.target, limit.threshold) for limit in written.limits] == [
        (Metric.DURATION, 1.0, 2.0),
        (Metric.MEMORY_PEAK, 10e6, 50e6),
    ]
    assert written.objective == Objective(ratio=0.999)
    assert (written.category, written.evidence, written.sinks) == ("web", ("cpu",), ("log",))
    assert evolve(written, category="") == Budget(
        name="upload",
        limits=written.limits,
        objective=written.objective,
        evidence=["cpu"],
        sinks=["log"],
    )


def test_an_unknown_argument_of_a_budget_shows_its_usage() -> None:
    with pytest.raises(TypeError, match=r"Budget\(\) has no argument 'treshold'; did you mean"):
        Budget("upload", treshold="2s")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Budget\(\) takes: a name, target, threshold, category, "):
        Budget("upload", zzzzz="2s")  # type: ignore[call-arg]
    with pytest.raises(BudgetError, match=r"memory_peak: .*50ms"):
        Budget("upload", memory_peak="50ms")
