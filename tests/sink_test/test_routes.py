"""Each place of a catalog that names sinks is a delivery route, also in a catalog made in code."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfkit import Budget, Catalog, ConfigurationError, Metric, Route, Violation
from perfkit.assembly.resolving import references_of
from perfkit.catalog import parse_limits
from perfkit.catalog.catalog import CatalogSettings, SinkDeclaration
from perfkit.sink_test.routes import routes_of
from perfkit.sink_test.run import count_of, send_samples
from perfkit.sinks import LogSink


class _Silent:
    """A sink whose destination raises."""

    def __init__(self) -> None:
        self.heard: list[Violation] = []

    @property
    def destination(self) -> str:
        raise OSError("gone")

    def emit(self, violation: Violation) -> None:
        self.heard.append(violation)


def test_sinks_of_code_receive_violations_too() -> None:
    sink, called = _Silent(), list[Violation]()
    catalog = Catalog(
        routes=[Route(sinks=(sink, called.append), category="data*")],  # type: ignore[arg-type]  # as people write it
        budgets=[
            Budget(name="own", category="database", limits=parse_limits(Metric.DURATION, "1s"))
        ],
        settings=CatalogSettings(sinks=()),
    )
    (route, default) = routes_of(catalog)
    results = list(send_samples(route))
    assert [each.result for each in results] == ["delivered", "delivered"]
    assert results[0].destination == ""
    assert results[0].seconds > 0
    assert [each.budget.category for each in (*sink.heard, *called)] == ["database"] * 2
    assert list(send_samples(default)) == []
    assert [count_of(each) for each in (route, default)] == [2, 0]


def test_each_place_that_names_sinks_has_a_name_of_its_own() -> None:
    catalog = Catalog(
        routes=[
            Route(sinks=()),
            Route(sinks=(), name="default"),
            Route(sinks=(), name="settings.sinks"),
            Route(sinks=(), name="route 1"),
            Route(sinks=(), name="routes[0]"),
        ],
        budgets=[Budget(name="a.b", sinks=())],
    )
    assert [(each.name, each.place) for each in references_of(catalog)] == [
        ("routes[0] (2)", "routes[0].sinks"),
        ("default", "routes[1].sinks"),
        ("settings.sinks", "routes[2].sinks"),
        ("route 1", "routes[3].sinks"),
        ("routes[0]", "routes[4].sinks"),
        ("settings.sinks (2)", "settings.sinks"),
        ("budget a.b", "budgets.a.b.sinks"),
    ]


def test_what_a_fan_out_leads_to_is_named_by_it() -> None:
    catalog = Catalog(
        sinks=[
            SinkDeclaration(name="all", type="fan_out", options={"sinks": ["one", "log"]}),
            SinkDeclaration(name="one", type="metrics"),
        ]
    )
    (default, left) = routes_of(catalog)
    assert [each.name for each in default.sinks] == ["log", "otel"]
    assert [each.name for each in left.sinks] == ["all"]
    assert [each.name for each in left.sinks[0].members or ()] == ["one", "log"]


def test_variables_that_cannot_be_used_are_reported_with_the_problems_of_sinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFKIT_ENABLED", "sometimes")
    catalog = Catalog(
        settings=CatalogSettings(sinks=("nobody",)),
        source=str(tmp_path / "perfkit.toml"),
    )
    with pytest.raises(ConfigurationError) as caught:
        routes_of(catalog, "x")
    first, second, third = str(caught.value).splitlines()
    assert first == "no route is called 'x'; there are default"
    assert second.startswith("PERFKIT_ENABLED is neither")
    assert ": settings.sinks: no sink is called " in third


def test_a_sink_is_the_same_on_all_ways_and_once_on_each() -> None:
    sink = LogSink("app")
    catalog = Catalog(routes=[Route(sinks=(sink, sink)), Route(sinks=(sink, "log", "log"))])
    one, other, *_ = routes_of(catalog)
    assert [len(each.sinks) for each in (one, other)] == [1, 2]
    assert one.sinks[0].sink is other.sinks[0].sink


def test_a_catalog_without_budgets_reaches_its_default_with_one_of_perfkit() -> None:
    """All budgets are then in code, and a test of the sinks is still of use."""
    route, default = routes_of(Catalog(routes=[Route(sinks=("metrics",), category="data*")]))
    (found,) = send_samples(route)
    assert (found.result, found.reason) == (
        "unreachable",
        'no budget of the catalog has a category that matches "data*"',
    )
    assert [each.result for each in send_samples(default)][:1] == ["delivered"]
