"""A catalog file becomes a catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

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
    Policy,
    Route,
    Severity,
    State,
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
routing = "all"
delivery = "background"
environment = "production"

[[routes]]
name = "on_call"
sinks = ["pager", "file"]

[routes.when]
budget = "session_*"
category = "database"
metric = "memory_*"
severity = "critical"
state = "violated"
environment = "prod*"

[[routes]]
when = { state = "degraded", severity = ">= info" }
sinks = []

[[routes]]
sinks = ["log"]

[sinks.file]
type = "jsonl"
path = "violations.jsonl"

[sinks.pager]
type = "webhook"
url = "${PAGER_URL}"
match = { severity = ">= warning", environment = "production" }
rate_limit = "10/min"
burst = 3
repeat_interval = "1h"
resolve_after = "10min"
send_resolved = false
batch_size = 20
batch_wait = "5s"
max_attempts = 4
max_failures = 5
failure_cooldown = "2min"
background = false
queue_size = 100
when_full = "drop_newest"

[sinks.pager.headers]
Authorization = "Bearer ${TOKEN}"
"""
CATALOG = Catalog(
    source="perfkit.toml",
    budgets=(
        Budget(
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
                Limit(
                    metric=Metric.DURATION, target=0.1, threshold=0.3, direction=Direction.AT_MOST
                ),
            ),
        ),
        Budget(
            name="cache_hit",
            limits=(
                Limit(
                    metric=Metric.HIT_RATIO,
                    target=0.95,
                    threshold=0.85,
                    direction=Direction.AT_LEAST,
                    statistic=Statistic.RATIO,
                    window=300.0,
                    min_samples=20,
                ),
                Limit(
                    metric=Metric.CONCURRENCY,
                    target=1000.0,
                    threshold=500.0,
                    direction=Direction.AT_LEAST,
                    statistic=Statistic.MAX,
                    window=60.0,
                ),
            ),
        ),
    ),
    settings=CatalogSettings(
        spans="always",
        unknown_budgets="warn",
        sinks=(),
        enabled=False,
        category_spans={"database": "never"},
        evidence_interval=120.0,
        max_overhead=0.005,
        monitor=("cache_hit", "session_*"),
        monitor_interval=0.5,
        routing="all",
        delivery="background",
        environment="production",
    ),
    routes=(
        Route(
            name="on_call",
            sinks=("pager", "file"),
            budget="session_*",
            category="database",
            metric="memory_*",
            severity=Severity.CRITICAL,
            state=State.VIOLATED,
            environment="prod*",
        ),
        Route(sinks=(), severity=Severity.INFO, state=State.DEGRADED),
        Route(sinks=("log",)),
    ),
    sinks=(
        SinkDeclaration(name="file", type="jsonl", options={"path": "violations.jsonl"}),
        SinkDeclaration(
            name="pager",
            type="webhook",
            options={
                "url": "${PAGER_URL}",
                "headers": {"Authorization": "Bearer ${TOKEN}"},
            },
            policy=Policy(
                match=Route(sinks=(), severity=Severity.WARNING, environment="production"),
                rate_limit=10 / 60,
                burst=3,
                repeat_interval=3600.0,
                resolve_after=600.0,
                send_resolved=False,
                batch_size=20,
                batch_wait=5.0,
                max_attempts=4,
                max_failures=5,
                failure_cooldown=120.0,
                background=False,
                queue_size=100,
                when_full="drop_newest",
            ),
        ),
    ),
)


def test_every_key_is_read() -> None:
    assert parse_catalog(WHOLE) == CATALOG


def test_what_a_file_leaves_out_is_none() -> None:
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_catalog_knows_where_it_came_from(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(WHOLE, encoding)

    assert load_catalog(path) == evolve(CATALOG, source=str(path))


def test_a_pyproject_holds_the_catalog_in_its_own_table(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "a"\n[tool.perfkit.budgets.load]\nduration = "1s"\n')

    assert load_catalog(path).get("load") is not None


def test_two_of_one_name_are_refused_in_code_too() -> None:
    with pytest.raises(CatalogError, match="two budgets are called a"):
        Catalog(budgets=(Budget(name="a"), Budget(name="a")))
    with pytest.raises(CatalogError, match="two sinks are called file"):
        Catalog(sinks=(SinkDeclaration(name="file"), SinkDeclaration(name="file")))


def test_an_option_of_a_sink_cannot_be_its_type() -> None:
    with pytest.raises(CatalogError, match="an option called type"):
        SinkDeclaration(name="file", type="jsonl", options={"type": "other"})


def test_the_nearest_name_is_offered() -> None:
    assert CATALOG.nearest("session_retreival") == "session_retrieval"
    assert CATALOG.nearest("something else") is None
