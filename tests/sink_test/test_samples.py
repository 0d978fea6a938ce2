"""A sample is a violation that a budget of the catalog could have, and its route accepts it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from perfkit import Budget, Catalog, Metric, Route, Severity, State, Statistic, Violation
from perfkit.catalog.catalog import CatalogSettings
from perfkit.model import Direction, Limit, Objective
from perfkit.sink_test.routes import routes_of
from perfkit.sink_test.samples import find_sample, samples_of


def limit_on(metric: Metric, direction: Direction = Direction.AT_MOST) -> Limit:
    """Return a limit with a target that differs from its threshold."""
    target, threshold = (0.25, 0.5) if direction is Direction.AT_MOST else (0.5, 0.25)
    statistic = metric.default_statistic
    return Limit(
        metric=metric,
        target=target,
        threshold=threshold,
        direction=direction,
        statistic=statistic,
        window=None if statistic is Statistic.EACH else 60.0,
    )


OWN = Budget(name="own", category="database", limits=[limit_on(Metric.DURATION)])
CRITICAL = Budget(name="pay", category="web", critical=True, limits=[limit_on(Metric.MEMORY_PEAK)])
SLO = Budget(name="slo", objective=Objective(ratio=0.99))


def found(
    *conditions: dict[str, Any], budgets: tuple[Budget, ...] = (OWN, CRITICAL, SLO), **more: Any
) -> Violation | str:
    """Return the sample for the last route, with the other conditions as filters, or the reason."""
    first, *filters = [Route(sinks=(), **each) for each in conditions or ({},)]
    catalog = Catalog(
        routes=[*more.pop("earlier", ()), first], budgets=budgets, settings=CatalogSettings(**more)
    )
    (route,) = [each for each in routes_of(catalog) if each.reference.conditions is first]
    return find_sample(route, filters)


def sample_for(*conditions: dict[str, Any], **more: Any) -> Violation:
    """Return the sample for a route that can be reached."""
    sample = found(*conditions, **more)
    assert isinstance(sample, Violation), sample
    return sample


@pytest.mark.parametrize("metric", [each for each in Metric if each is not Metric.BURN_RATE])
@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("direction", Direction)
def test_each_limit_has_a_broken_threshold_and_a_missed_target(
    metric: Metric, direction: Direction, *, critical: bool
) -> None:
    limit = limit_on(metric, direction)
    broken, missed = samples_of(Budget(name="a", critical=critical, limits=[limit]), "staging")
    assert broken.severity is (Severity.CRITICAL if critical else Severity.WARNING)
    assert (missed.state, missed.severity) == (State.DEGRADED, Severity.INFO)
    assert not limit.holds_threshold(broken.value)
    assert not limit.meets_target(missed.value)
    assert limit.holds_threshold(missed.value)
    assert broken.is_test
    assert broken.environment == "staging"
    broken.describe()


def test_a_target_that_equals_its_threshold_cannot_be_missed_alone() -> None:
    limit = Limit(metric=Metric.DURATION, target=0, threshold=0, direction=Direction.AT_MOST)
    (broken,) = samples_of(Budget(name="a", limits=[limit]))
    assert (broken.state, broken.value) == (State.VIOLATED, 1.0)


def test_a_threshold_that_every_value_holds_cannot_be_broken() -> None:
    limit = evolve(limit_on(Metric.HIT_RATIO, Direction.AT_LEAST), threshold=0.0)
    (missed,) = samples_of(Budget(name="a", limits=[limit]))
    assert missed.state is State.DEGRADED


def test_an_objective_has_two_pages_and_a_ticket() -> None:
    kinds = [(each.limit.metric, each.severity, each.state) for each in samples_of(SLO)]
    page = (Metric.BURN_RATE, Severity.WARNING, State.VIOLATED)
    assert kinds == [page, page, (Metric.BURN_RATE, Severity.WARNING, State.DEGRADED)]


def test_the_conditions_of_a_route_and_of_a_filter_are_met_together() -> None:
    sample = sample_for(
        {"budget": "p*", "metric": "memory_*", "environment": "stag*"},
        {"severity": Severity.CRITICAL, "category": "*eb", "environment": "*ag"},
        environment="production",
    )
    assert sample.budget is CRITICAL
    assert sample.environment == "stag"


def test_without_conditions_it_is_the_first_budget_in_the_environment_of_the_settings() -> None:
    sample = sample_for(environment="production")
    assert (sample.budget, sample.environment) == (OWN, "production")
    assert sample.state is State.VIOLATED


def test_each_has_evidence_of_its_own() -> None:
    (one,), (other,) = sample_for().evidence, sample_for().evidence
    assert one.rows
    assert one is not other


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        (
            ({"budget": "o*", "category": ""}, {"budget": "b*", "category": "?"}),
            (
                'no budget of the catalog has a name that matches "o*" and "b*"; '
                'no budget of the catalog has a category that matches "" and "?"'
            ),
        ),
        (
            ({"metric": "memory_*"}, {"metric": "duration"}),
            'no budget of the catalog has a metric that matches "memory_*" and "duration"',
        ),
        (
            ({"environment": "x"}, {"environment": "y*"}),
            'no environment matches "x" and "y*"',
        ),
        (
            ({"state": State.DEGRADED, "budget": "own"},),
            (
                'no budget of the catalog has a violation with name "own", severity ">= warning", '
                'state "degraded"; a missed target has severity info, a broken threshold critical '
                "if the budget is critical, else warning"
            ),
        ),
    ],
)
def test_a_condition_that_no_budget_meets_is_the_finding(
    conditions: tuple[dict[str, Any], ...], reason: str
) -> None:
    assert found(*conditions) == reason


def test_budgets_without_limits_reach_nothing() -> None:
    assert found(budgets=(Budget(name="bare"),)) == (
        "no budget of the catalog has a limit or objective"
    )


def test_an_earlier_route_leaves_nothing_to_a_later_one_unless_all_that_match_count() -> None:
    earlier = [Route(sinks=(), category="data*")]
    assert str(found({"budget": "own"}, earlier=earlier)).startswith("an earlier route, or")
    assert sample_for({"budget": "own"}, earlier=earlier, routing="all").budget is OWN
    assert sample_for({}, earlier=earlier).budget is CRITICAL


def test_a_budget_with_its_own_sinks_reaches_a_route_by_missed_targets_only() -> None:
    own_sinks = Budget(name="own", limits=OWN.limits, sinks=())
    assert str(found(budgets=(own_sinks,))).startswith("an earlier route, or the budget's own")
    assert sample_for({"severity": Severity.INFO}, budgets=(own_sinks,)).state is State.DEGRADED
    *_, route = routes_of(Catalog(budgets=[CRITICAL, own_sinks]))
    sample = find_sample(route, ())
    assert isinstance(sample, Violation)
    assert (sample.budget, sample.severity) == (own_sinks, Severity.WARNING)
    missed = find_sample(route, [Route(sinks=(), metric="cpu*")])
    assert missed == 'budget "own" has no metric that matches "cpu*"'
