"""A catalog file becomes a catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfkit.catalog import (
    Catalog,
    CatalogSettings,
    SinkDeclaration,
    load_catalog,
    parse_catalog,
)
from perfkit.errors import CatalogError
from perfkit.model import (
    LIMITABLE,
    Budget,
    Direction,
    Limit,
    Metric,
    Objective,
    Route,
    Severity,
    Statistic,
)
from perfkit.units import write_quantity

WHOLE = """\
[budgets.session_retrieval]
category = "database"
critical = true
description = "Load one stored session."
sinks = ["log"]
spans = "violations"
notes = ["Reviewed in spring"]
objective = { ratio = "99.9%", period = "7d", min_samples = 50 }
evidence = ["cpu", "stack"]
duration = { target = "100ms", threshold = "300ms" }

[budgets.cache_hit]
hit_ratio = { target = "> 95%", threshold = "> 85%", window = "5m", min_samples = 20 }
concurrency = { target = 1000, threshold = 500 }

[settings]
spans = "always"
unknown_budgets = "warn"
sinks = []
enabled = false
category_spans = { database = "never" }
evidence_interval = "2m"
max_overhead = "0.5%"
monitor = ["cache_hit", "session_*"]
monitor_interval = "500ms"

[[routes]]
when = { budget = "session_*", category = "database", severity = ">= warning" }
sinks = ["log", "file"]

[[routes]]
when = { severity = "critical" }
sinks = []

[[routes]]
sinks = ["log"]

[sinks.file]
type = "jsonl"
path = "violations.jsonl"
"""


@pytest.fixture(scope="module")
def whole() -> Catalog:
    return parse_catalog(WHOLE)


def test_a_budget_has_all_its_parts(whole: Catalog) -> None:
    assert whole.get("session_retrieval") == Budget(
        name="session_retrieval",
        category="database",
        critical=True,
        description="Load one stored session.",
        sinks=("log",),
        spans="violations",
        notes=("Reviewed in spring",),
        objective=Objective(ratio=0.999, period=7 * 86_400.0, min_samples=50),
        evidence=("cpu", "stack"),
        limits=(
            Limit(metric=Metric.DURATION, target=0.1, threshold=0.3, direction=Direction.AT_MOST),
        ),
    )


def test_a_limit_over_a_window_has_all_its_parts(whole: Catalog) -> None:
    budget = whole.get("cache_hit")

    assert budget is not None
    assert budget.limits[0] == Limit(
        metric=Metric.HIT_RATIO,
        target=0.95,
        threshold=0.85,
        direction=Direction.AT_LEAST,
        statistic=Statistic.RATIO,
        window=300.0,
        min_samples=20,
    )


def test_a_number_without_a_unit_does_where_there_is_no_unit(whole: Catalog) -> None:
    budget = whole.get("cache_hit")

    assert budget is not None
    assert budget.limits[1].target == 1000.0


def test_settings_are_read_and_silence_is_none(whole: Catalog) -> None:
    assert whole.settings.spans == "always"
    assert whole.settings.unknown_budgets == "warn"
    assert whole.settings.sinks == ()
    assert whole.settings.enabled is False
    assert whole.settings.category_spans == {"database": "never"}
    assert whole.settings.evidence_interval == 120.0
    assert whole.settings.max_overhead == 0.005
    assert whole.settings.monitor == ("cache_hit", "session_*")
    assert whole.settings.monitor_interval == 0.5
    assert parse_catalog("[budgets]").settings == CatalogSettings()


@pytest.mark.parametrize(
    ("written", "monitor"), [("true", True), ("false", False), ("[]", ()), ("['*']", ("*",))]
)
def test_the_process_is_judged_by_all_none_or_some_budgets(written: str, monitor: object) -> None:
    assert parse_catalog(f"[settings]\nmonitor = {written}").settings.monitor == monitor


@pytest.mark.parametrize("metric", LIMITABLE)
def test_every_metric_but_the_burn_rate_has_a_key(metric: Metric) -> None:
    text = f"[budgets.a]\n{metric} = {{ threshold = 1, target = 1 }}"
    text = text.replace("= 1", f'= "{write_quantity(1.0, metric.unit)}"')

    (budget,) = parse_catalog(text).budgets

    assert budget.metrics == {metric}


def test_routes_are_read_in_order(whole: Catalog) -> None:
    assert whole.routes == (
        Route(
            budget="session_*",
            category="database",
            severity=Severity.WARNING,
            sinks=("log", "file"),
        ),
        Route(severity=Severity.CRITICAL, sinks=()),
        Route(sinks=("log",)),
    )


def test_sinks_are_declared_with_their_options(whole: Catalog) -> None:
    assert whole.sinks == (
        SinkDeclaration(name="file", type="jsonl", options={"path": "violations.jsonl"}),
    )


def test_a_catalog_knows_where_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(WHOLE)

    assert load_catalog(path).source == str(path)


def test_a_pyproject_holds_the_catalog_in_its_own_table(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "a"\n[tool.perfkit.budgets.load]\nduration = "1s"\n')

    assert load_catalog(path).get("load") is not None


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(WHOLE, encoding="utf-8-sig")

    assert len(load_catalog(path).budgets) == 2


def test_a_budget_without_limits_is_fine() -> None:
    assert parse_catalog("[budgets.load]").get("load") == Budget(name="load")


def test_two_budgets_of_one_name_are_refused_in_code_too() -> None:
    with pytest.raises(CatalogError, match="two budgets are called a"):
        Catalog(budgets=(Budget(name="a"), Budget(name="a")))


def test_two_sinks_of_one_name_are_refused() -> None:
    sink = SinkDeclaration(name="file", type="jsonl")

    with pytest.raises(CatalogError, match="two sinks are called file"):
        Catalog(sinks=(sink, sink))


def test_an_option_of_a_sink_cannot_be_its_type() -> None:
    with pytest.raises(CatalogError, match="an option called type"):
        SinkDeclaration(name="file", type="jsonl", options={"type": "other"})


def test_the_nearest_name_is_offered(whole: Catalog) -> None:
    assert whole.nearest("session_retreival") == "session_retrieval"
    assert whole.nearest("something else") is None
