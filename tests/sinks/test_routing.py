"""Violations go to the sinks that the most specific choice names: budget, routes, default."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import perfkit
from perfkit import ConfigurationError, Severity, State, Violation, budget
from perfkit.catalog import parse_catalog, parse_limits
from perfkit.model import Budget, Metric, Route
from perfkit.sinks import Router, sink_stats
from perfkit.testing import FakeClock
from tests.sinks.chains import Kept
from tests.sinks.violations import make_violation

NAMES = ("default", "own", "one", "two", "three")


def _router(*routes: Route, **parts: Any) -> Router:
    sinks = {name: Kept() for name in NAMES}
    return Router(by_name=sinks, default=(sinks["default"],), routes=routes, **parts)


def _names(router: Router, violation: Violation) -> list[str]:
    by_sink = {id(sink): name for name, sink in router.by_name.items()}
    return [by_sink[id(sink)] for sink in router.sinks_for(violation)]


MATCHING = (
    Route(sinks=("one", "two"), category="database"),
    Route(sinks=("two", "three"), budget="lo*"),
    Route(sinks=("own",), category="cache"),
)


TWICE = Route(sinks=("one", "one"))
NOWHERE = Route(sinks=(), budget="load")
NO_MATCH = Route(sinks=("one",), category="cache")


@pytest.mark.parametrize(
    ("routes", "options", "own", "names"),
    [
        # The first route that matches, or all of them, and each sink once.
        (MATCHING, {}, None, ["one", "two"]),
        (MATCHING, {"matches_all": True}, None, ["one", "two", "three"]),
        ([TWICE], {}, None, ["one"]),
        ([NOWHERE, *MATCHING], {}, None, []),
        # The default, where none matches.
        ([NO_MATCH], {}, None, ["default"]),
        ([NO_MATCH], {"matches_all": True}, None, ["default"]),
        # The budget's own choice, before the routes.
        (MATCHING, {}, ("own",), ["own"]),
        (MATCHING, {"matches_all": True}, ("own",), ["own"]),
        (MATCHING, {"uses_budget_sinks": False}, ("own",), ["one", "two"]),
        (MATCHING, {}, (), []),
    ],
)
def test_the_most_specific_choice_wins(
    routes: Any, options: dict[str, Any], own: tuple[str, ...] | None, names: list[str]
) -> None:
    violation = make_violation(budget=Budget(name="load", category="database", sinks=own))
    assert _names(_router(*routes, **options), violation) == names


DEGRADED = {"state": State.DEGRADED, "severity": Severity.INFO}


@pytest.mark.parametrize(
    ("conditions", "changes", "is_match"),
    [
        ({"budget": "load"}, {}, True),
        ({"budget": "l?a[cd]"}, {}, True),
        ({"budget": "LOAD"}, {}, False),
        ({"category": "data*"}, {}, True),
        ({"category": ""}, {}, False),
        ({"metric": "dur*"}, {}, True),
        ({"metric": "memory_*"}, {}, False),
        (
            {"metric": "memory_*"},
            {"limit": parse_limits(Metric.MEMORY_PEAK, "1MB")[0]},
            True,
        ),
        ({"severity": Severity.CRITICAL}, {}, True),
        ({"severity": Severity.CRITICAL}, {"severity": Severity.WARNING}, False),
        ({"severity": Severity.WARNING}, {"severity": Severity.WARNING}, True),
        ({}, DEGRADED, False),
        ({"severity": Severity.INFO}, DEGRADED, True),
        ({"severity": Severity.INFO, "state": State.DEGRADED}, DEGRADED, True),
        ({"severity": Severity.INFO, "state": State.VIOLATED}, DEGRADED, False),
        ({"state": State.VIOLATED}, {}, True),
        ({"state": State.DEGRADED}, {}, False),
        ({"environment": "prod*"}, {"environment": "production"}, True),
        ({"environment": "prod*"}, {"environment": "staging"}, False),
        ({"environment": "prod*"}, {}, False),
        ({"environment": ""}, {}, True),
        ({"budget": "load", "environment": "x"}, {}, False),
    ],
)
def test_a_route_matches_where_all_its_conditions_do(
    conditions: dict[str, Any],
    changes: dict[str, Any],
    is_match: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    assert Route(sinks=(), **conditions).matches(make_violation(**changes)) is is_match


@pytest.mark.parametrize(
    "route",
    [
        Route(sinks=("one",), state=State.VIOLATED),
        Route(sinks=("one",), severity=Severity.CRITICAL),
        Route(sinks=("one",), budget="load", metric="duration"),
        Route(sinks=("one",), environment="production"),
    ],
)
def test_a_recovery_goes_where_its_violation_went(route: Route) -> None:
    router = _router(route)
    violation = make_violation(environment="production")
    recovery = make_violation(environment="production", is_recovery=True, state=State.MET)
    assert _names(router, recovery) == _names(router, violation) == ["one"]


@pytest.mark.parametrize("state", [State.MET, State.DEGRADED])
def test_a_recovery_to_a_missed_target_is_none_of_a_route_for_missed_targets(
    state: State,
) -> None:
    recovery = make_violation(is_recovery=True, state=state)
    assert not Route(sinks=(), state=State.DEGRADED).matches(recovery)


def test_a_missed_target_is_news_to_a_route_that_names_it_only() -> None:
    missed = make_violation(**DEGRADED)
    assert _names(_router(*MATCHING), missed) == []
    listening = _router(*MATCHING, Route(sinks=("three",), severity=Severity.INFO))
    assert _names(listening, missed) == ["three"]
    own = Budget(name="load", category="database", sinks=("own",))
    assert _names(listening, evolve(missed, budget=own)) == ["three"]
    assert listening.routes_missed_targets
    assert not _router(*MATCHING).routes_missed_targets


# -- from the outside


@pytest.fixture
def heard() -> list[tuple[str, str]]:
    """Who has heard of which budget."""
    return []


def _break(clock: FakeClock, name: str, **options: Any) -> None:
    with budget(name, duration="1s", **options):
        clock.advance(2)


def test_routes_in_code_lead_to_sinks_callables_and_names(
    clock: FakeClock, heard: list[tuple[str, str]]
) -> None:
    sink = Kept()
    perfkit.configure(
        perfkit.Catalog(),
        clock=clock,
        unknown_budgets="ignore",
        sinks=[],
        routes=[
            perfkit.Route(
                sinks=(lambda each: heard.append(("function", each.budget.name)), sink),
                budget="l*",
            ),
            perfkit.Route(sinks=(sink, "metrics"), category="database"),
        ],
        routing="all",
    )
    before = {totals.sink: totals.raised for totals in sink_stats()}
    _break(clock, "load", category="database")
    _break(clock, "other")
    assert heard == [("function", "load")]
    assert [each.budget.name for each in sink.got] == ["load"]
    raised = {totals.sink: totals.raised for totals in sink_stats()}
    assert raised["metrics"] == before.get("metrics", 0) + 1


def test_routes_in_code_replace_those_of_the_catalog(
    clock: FakeClock, heard: list[tuple[str, str]]
) -> None:
    catalog = parse_catalog('[[routes]]\nsinks = ["raise"]')
    routes = [Route(sinks=(lambda each: heard.append(("code", each.budget.name)),))]
    perfkit.configure(catalog, clock=clock, unknown_budgets="ignore", routes=routes)
    _break(clock, "load")
    assert heard == [("code", "load")]


def test_the_catalog_says_how_routes_count_unless_the_code_does(clock: FakeClock) -> None:
    catalog = parse_catalog('[settings]\nrouting = "all"')
    counts = []
    for routing in (None, "first"):
        one, two = Kept(), Kept()
        perfkit.configure(
            catalog,
            clock=clock,
            unknown_budgets="ignore",
            routing=routing,  # type: ignore[arg-type]  # mypy sees any text
            routes=[Route(sinks=(one,)), Route(sinks=(two,))],
        )
        _break(clock, "load")
        counts.append((len(one.got), len(two.got)))
    assert counts == [(1, 1), (1, 0)]


def test_a_route_asks_for_the_environment_of_the_settings(clock: FakeClock) -> None:
    catalog = parse_catalog('[settings]\nenvironment = "staging"')
    counts = []
    for environment in (None, "production"):
        sink = Kept()
        perfkit.configure(
            catalog,
            clock=clock,
            unknown_budgets="ignore",
            sinks=[],
            environment=environment,
            routes=[Route(sinks=(sink,), environment="prod*")],
        )
        _break(clock, "load")
        counts.append(len(sink.got))
    assert counts == [0, 1]


def test_a_route_that_leads_nowhere_counts_nothing(clock: FakeClock) -> None:
    perfkit.configure(
        perfkit.Catalog(), clock=clock, unknown_budgets="ignore", routes=[Route(sinks=())]
    )
    before = sink_stats()
    _break(clock, "load")
    assert sink_stats() == before


def test_a_way_that_routes_cannot_count_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="routing"):
        perfkit.configure(perfkit.Catalog(), routing="some")  # type: ignore[arg-type]  # on purpose


def test_a_route_to_a_sink_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='no sink is called "pagr"'):
        perfkit.configure(perfkit.Catalog(), routes=[Route(sinks=("pagr",))])
