"""A made-up violation is as a real one could be, and goes where it is asked to."""

from __future__ import annotations

from typing import Any

import pytest

from perfkit import Budget, Metric, Route, Severity, State, Violation
from perfkit.model import Direction, Limit, Objective
from perfkit.sink_test.samples import Impossible, make_sample


def violation_for(*conditions: dict[str, Any], **more: Any) -> Violation:
    """Make up a violation that can be."""
    found = make_sample([Route(sinks=(), **each) for each in conditions], **more)
    assert isinstance(found, Violation), found
    return found


def reason_for(*conditions: dict[str, Any], **more: Any) -> str:
    """Say why none can be."""
    found = make_sample([Route(sinks=(), **each) for each in conditions], **more)
    assert isinstance(found, Impossible)
    return found.reason


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("severity", Severity)
def test_one_is_made_of_every_metric_and_its_value_is_where_its_state_says(
    metric: Metric, severity: Severity
) -> None:
    found = violation_for({"metric": metric, "severity": severity})
    assert found.limit.metric is metric
    assert found.severity.rank >= severity.rank
    assert not found.limit.meets_target(found.value)
    assert found.state is State.VIOLATED
    assert not found.limit.holds_threshold(found.value)
    assert found.budget.critical == (found.severity is Severity.CRITICAL)
    assert found.is_test
    found.describe()


@pytest.mark.parametrize("metric", ["duration", "throughput", "hit_ratio", "error_ratio"])
def test_a_missed_target_is_info_and_keeps_its_threshold(metric: str) -> None:
    found = violation_for({"metric": metric, "state": State.DEGRADED, "severity": Severity.INFO})
    assert (found.state, found.severity) == (State.DEGRADED, Severity.INFO)
    assert not found.limit.meets_target(found.value)
    assert found.limit.holds_threshold(found.value)


def test_the_conditions_of_a_route_and_of_a_filter_are_met_together() -> None:
    found = violation_for(
        {"budget": "[ab]*", "category": "data*", "metric": "memory_*", "environment": "stag*"},
        {"severity": Severity.CRITICAL, "category": "*base", "environment": "*ing"},
        environment="production",
    )
    assert found.severity is Severity.CRITICAL
    assert found.budget.category == "database"
    assert found.environment == "staging"
    assert found.limit.metric is Metric.MEMORY_PEAK


def test_what_nobody_asks_for_is_as_usual() -> None:
    found = violation_for({}, environment="production")
    assert (found.budget.name, found.budget.category) == ("perfkit_test", "")
    assert (found.limit.metric, found.severity) == (Metric.DURATION, Severity.WARNING)
    assert found.environment == "production"


def test_each_has_evidence_of_its_own() -> None:
    (one,), (other,) = violation_for({}).evidence, violation_for({}).evidence
    assert one.rows
    assert one is not other


def test_only_an_objective_can_be_degraded_and_a_warning() -> None:
    assert violation_for({"state": State.DEGRADED}).limit.metric is Metric.BURN_RATE
    assert reason_for({"state": State.DEGRADED, "metric": "memory_*"}) == (
        'there is no violation of severity ">= warning" and state "degraded": one that is degraded '
        "is info, one that is violated is critical where its budget is, else warning"
    )


def test_what_excludes_each_other_is_said_all_at_once() -> None:
    assert reason_for(
        {"budget": "a*", "category": "", "environment": "x"},
        {"budget": "b*", "category": "?", "environment": "y"},
    ) == (
        'no budget matches "a*" and "b*"; no category matches "" and "?"; '
        'no environment matches "x" and "y"'
    )
    assert reason_for({"metric": "memory_*"}, {"metric": "duration"}) == (
        'there is no metric that matches "memory_*" and "duration"'
    )
    assert reason_for({"budget": ""}) == 'no budget matches ""'


OWN = Budget(
    name="own",
    category="database",
    limits=[Limit(metric=Metric.THREADS, target=1, threshold=2, direction=Direction.AT_MOST)],
)


def test_of_one_budget_it_is_as_that_can_break() -> None:
    found = violation_for({}, budget=OWN)
    assert (found.budget.name, found.limit.metric) == ("perfkit_test", Metric.THREADS)
    assert found.severity is Severity.WARNING
    assert violation_for({"budget": "o*", "category": "data*"}, budget=OWN).budget.name == "own"
    with_objective = Budget(name="slo", objective=Objective(ratio=0.99))
    assert violation_for({}, budget=with_objective).limit.metric is Metric.BURN_RATE


def test_of_one_budget_nothing_is_said_that_it_never_says() -> None:
    assert reason_for({"budget": "x*"}, budget=OWN) == 'budget "own" does not match "x*"'
    assert reason_for({"metric": "duration"}, budget=OWN) == (
        'budget "own" has no metric that matches "duration"'
    )
    assert reason_for({"severity": Severity.CRITICAL}, budget=OWN).startswith(
        'budget "own" has no violation of severity ">= critical":'
    )
