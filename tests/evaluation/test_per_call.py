"""How one measurement stands against one budget."""

from __future__ import annotations

from typing import Any

import pytest

from perfkit.catalog import parse_limits
from perfkit.evaluation.per_call import judge
from perfkit.model import (
    Budget,
    CodeLocation,
    Limit,
    Measurement,
    Metric,
    Outcome,
    Reading,
    Severity,
    State,
    Verdict,
)

_WHERE = CodeLocation(function="app.load")


def _limit(metric: Metric, value: Any) -> Limit:
    return parse_limits(metric, value)[0]


def _judged(value: float | None, limit: Limit, **measured: Any) -> Verdict:
    budget = Budget(name="load", limits=[limit], critical=measured.pop("critical", False))
    reading = measured.pop("reading", Reading(value=value))
    measurement = Measurement(
        where=_WHERE, started_ns=0, readings={limit.metric: reading}, **measured
    )
    (verdict,) = judge(budget, measurement)
    return verdict


_DURATION = _limit(Metric.DURATION, ("100ms", "300ms"))


_AT_LEAST = _limit(Metric.MEMORY_PEAK, {"target": 0.95, "threshold": 0.85, "direction": "at_least"})


@pytest.mark.parametrize(
    ("limit", "value", "state"),
    [
        (_DURATION, 0.0, State.MET),
        (_DURATION, 0.1, State.MET),
        (_DURATION, 0.1000001, State.DEGRADED),
        (_DURATION, 0.3, State.DEGRADED),
        (_DURATION, 0.3000001, State.VIOLATED),
        (_AT_LEAST, 0.96, State.MET),
        (_AT_LEAST, 0.95, State.MET),
        (_AT_LEAST, 0.9, State.DEGRADED),
        (_AT_LEAST, 0.85, State.DEGRADED),
        (_AT_LEAST, 0.84, State.VIOLATED),
    ],
)
def test_a_value_on_a_line_is_on_its_good_side(limit: Limit, value: float, state: State) -> None:
    assert _judged(value, limit).state is state


def test_a_limit_without_a_value_is_no_data_and_has_no_severity() -> None:
    verdict = _judged(None, _DURATION, reading=Reading(value=None, reason="no such counter"))
    assert (verdict.state, verdict.severity) == (State.NO_DATA, None)
    assert verdict.reason == "no such counter"


def test_a_limit_on_what_was_not_measured_says_so() -> None:
    budget = Budget(name="load", limits=[_DURATION])
    (verdict,) = judge(budget, Measurement(where=_WHERE, started_ns=0, readings={}))
    assert (verdict.state, verdict.reason) == (State.NO_DATA, "not measured at this place")


def test_severity_follows_the_critical_flag() -> None:
    assert _judged(1.0, _DURATION).severity is Severity.WARNING
    assert _judged(1.0, _DURATION, critical=True).severity is Severity.CRITICAL
    assert _judged(0.2, _DURATION, critical=True).severity is Severity.INFO
    assert _judged(0.05, _DURATION, critical=True).severity is None


def test_a_limit_over_a_window_is_not_judged_by_one_call() -> None:
    limit = _limit(Metric.DURATION, {"threshold": "1s", "statistic": "p95", "window": "1m"})
    promise = Budget(name="load", limits=(limit, _DURATION))
    measurement = Measurement(where=_WHERE, started_ns=0, readings={})
    assert [verdict.limit for verdict in judge(promise, measurement)] == [_DURATION]


@pytest.mark.parametrize("metric", [Metric.DURATION, Metric.CPU_TIME, Metric.GC_TIME])
def test_a_call_that_gathers_evidence_is_out_of_all_judging_of_time(metric: Metric) -> None:
    limit = _limit(metric, "1s")
    verdict = _judged(0.5, limit, slowed_by=frozenset({"evidence"}))
    assert (verdict.state, verdict.reason) == (State.NO_DATA, "slowed down by evidence")


def test_a_call_that_a_profiler_slowed_down_has_no_duration_verdict() -> None:
    verdict = _judged(0.5, _DURATION, slowed_by=frozenset({"cProfile"}))
    assert (verdict.state, verdict.reason) == (State.NO_DATA, "slowed down by cProfile")


def test_a_budget_that_limits_traced_memory_wants_its_duration_judged_too() -> None:
    budget = Budget(name="load", limits=[_DURATION, _limit(Metric.MEMORY_PEAK, "1MB")])
    measurement = Measurement(
        where=_WHERE,
        started_ns=0,
        readings={Metric.DURATION: Reading(value=0.5), Metric.MEMORY_PEAK: Reading(value=1.0)},
        slowed_by=frozenset({"tracemalloc"}),
    )
    assert [v.state for v in judge(budget, measurement)] == [State.VIOLATED, State.MET]


def test_a_cancelled_call_is_violated_only_if_it_had_broken_the_line_already() -> None:
    assert _judged(0.5, _DURATION, outcome=Outcome.CANCELLED).state is State.VIOLATED
    early = _judged(0.05, _DURATION, outcome=Outcome.CANCELLED)
    assert (early.state, early.reason) == (State.NO_DATA, "cancelled before it ended")


def test_a_contended_reading_is_judged_and_says_so() -> None:
    limit = _limit(Metric.MEMORY_PEAK, "1MB")
    verdict = _judged(None, limit, reading=Reading(value=2e6, contended=True, reason="shared"))
    assert (verdict.state, verdict.contended) == (State.VIOLATED, True)
    assert verdict.reason == "shared"
