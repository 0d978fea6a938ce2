"""A catalog that is written as TOML loads as the same catalog."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfkit.catalog import (
    Catalog,
    CatalogSettings,
    SinkDeclaration,
    dump_catalog,
    parse_catalog,
    parse_limit,
)
from perfkit.catalog.reading import POLICY
from perfkit.errors import MissingExtraError
from perfkit.model import (
    EVIDENCE_KINDS,
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

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXTS.filter(bool)
SPANS = st.sampled_from(["always", "violations", "never"])
SECONDS = st.floats(0.0, sys.float_info.max, exclude_min=True)
SHARES = {Metric.HIT_RATIO, Metric.ERROR_RATIO}


@st.composite
def limits(draw: st.DrawFn, metric: Metric, statistic: Statistic) -> Limit:
    """Any limit on one statistic of one metric."""
    direction = draw(st.sampled_from(Direction))
    most = 1.0 if metric in SHARES else sys.float_info.max
    lines = sorted(draw(st.tuples(*[st.floats(0.0, most)] * 2)))
    target, threshold = lines if direction is Direction.AT_MOST else lines[::-1]
    return Limit(
        metric=metric,
        target=target,
        threshold=threshold,
        direction=direction,
        statistic=statistic,
        window=None if statistic is Statistic.EACH else draw(SECONDS),
        min_samples=draw(st.integers(1, 10**6)),
    )


@st.composite
def limits_of_a_budget(draw: st.DrawFn) -> tuple[Limit, ...]:
    """Limits on several metrics, with several statistics, those of one metric side by side."""
    metrics = draw(st.lists(st.sampled_from(LIMITABLE), max_size=3, unique=True))
    return tuple(
        draw(limits(metric, statistic))
        for metric in metrics
        for statistic in draw(
            st.lists(st.sampled_from(metric.statistics), min_size=1, max_size=3, unique=True)
        )
    )


OBJECTIVES = st.builds(
    Objective,
    ratio=st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
    period=st.just(Objective(ratio=0.5).period) | SECONDS,
    min_samples=st.just(Objective(ratio=0.5).min_samples) | st.integers(1, 10**6),
)
BUDGETS = st.builds(
    Budget,
    name=NAMES,
    category=TEXTS,
    critical=st.booleans(),
    description=TEXTS,
    limits=limits_of_a_budget(),
    sinks=st.none() | st.lists(TEXTS, max_size=2).map(tuple),
    spans=st.none() | SPANS,
    notes=st.lists(TEXTS, max_size=2).map(tuple),
    objective=st.none() | OBJECTIVES,
    evidence=st.lists(st.sampled_from(EVIDENCE_KINDS), max_size=3).map(tuple),
)
SETTINGS = st.builds(
    CatalogSettings,
    spans=st.none() | SPANS,
    category_spans=st.dictionaries(TEXTS, SPANS, max_size=2),
    unknown_budgets=st.none() | st.sampled_from(["warn", "raise", "ignore"]),
    sinks=st.none() | st.lists(TEXTS, max_size=2).map(tuple),
    enabled=st.none() | st.booleans(),
    evidence_interval=st.none() | st.just(0.0) | SECONDS,
    max_overhead=st.none() | st.floats(0.0, 1.0, exclude_min=True),
    monitor=st.none() | st.booleans() | st.lists(TEXTS.map("{}*".format), max_size=2).map(tuple),
    monitor_interval=st.none() | SECONDS,
    routing=st.none() | st.sampled_from(["first", "all"]),
    delivery=st.none() | st.sampled_from(["background", "inline"]),
    environment=st.none() | TEXTS,
)
CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "budget": st.none() | TEXTS,
    "category": st.none() | TEXTS,
    "metric": st.none() | st.sampled_from(["*", "memory_*", "burn_rate", *map(str, LIMITABLE)]),
    "severity": st.none() | st.sampled_from(Severity),
    "state": st.none() | st.sampled_from([State.DEGRADED, State.VIOLATED]),
    "environment": st.none() | TEXTS,
}
ROUTES = st.builds(
    Route,
    sinks=st.lists(TEXTS, max_size=2).map(tuple),
    name=TEXTS.filter(lambda name: name != "default"),
    **CONDITIONS,
)
COUNTS = st.none() | st.integers(1, 2**63 - 1)
OFF_OR_SECONDS = st.none() | st.just(0.0) | SECONDS
POLICIES = st.builds(
    Policy,
    match=st.none() | st.builds(Route, sinks=st.just(()), **CONDITIONS),
    rate_limit=OFF_OR_SECONDS,
    burst=COUNTS,
    repeat_interval=OFF_OR_SECONDS,
    resolve_after=OFF_OR_SECONDS,
    send_resolved=st.booleans(),
    batch_size=COUNTS,
    batch_wait=st.none() | SECONDS,
    max_attempts=COUNTS,
    max_failures=st.just(0) | COUNTS,
    failure_cooldown=st.none() | SECONDS,
    background=st.none() | st.booleans(),
    queue_size=COUNTS,
    when_full=st.none() | st.sampled_from(["drop_oldest", "drop_newest"]),
)
PLAIN: st.SearchStrategy[Any] = (
    TEXTS
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC))
)
OPTIONS = st.dictionaries(
    TEXTS.filter(lambda name: name not in {"type", *POLICY}),
    st.recursive(
        PLAIN,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
CATALOGS = st.builds(
    Catalog,
    budgets=st.lists(BUDGETS, max_size=3, unique_by=lambda budget: budget.name).map(tuple),
    settings=SETTINGS,
    routes=st.lists(ROUTES, max_size=2, unique_by=lambda route: route.name or object()).map(tuple),
    sinks=st.lists(
        st.builds(SinkDeclaration, name=NAMES, type=TEXTS, options=OPTIONS, policy=POLICIES),
        max_size=2,
        unique_by=lambda sink: sink.name,
    ).map(tuple),
)


@given(CATALOGS)
@example(Catalog())
def test_what_is_written_loads_as_the_same(catalog: Catalog) -> None:
    text = dump_catalog(catalog)

    assert evolve(parse_catalog(text), source="") == catalog


@given(CATALOGS)
@example(
    Catalog(sinks=[SinkDeclaration(name="x", type="y", options={"a": {"b": [{}], "c": ["", {}]}})])
)
@settings(max_examples=30)
def test_writing_again_gives_the_same_text(catalog: Catalog) -> None:
    text = dump_catalog(catalog)

    assert dump_catalog(parse_catalog(text)) == text


def test_the_text_is_what_a_person_would_write() -> None:
    duration = parse_limit(Metric.DURATION, ("100ms", "300ms"))
    rate = parse_limit(Metric.DISK_WRITE_RATE, "10MB/min")
    p95 = {"target": "5ms", "threshold": "20ms", "statistic": "p95", "window": "5m"}
    hits = parse_limit(Metric.HIT_RATIO, {"target": "95%", "threshold": "85%", "min_samples": 20})
    budget = Budget(
        name="cache_hit",
        category="cache",
        critical=True,
        limits=(duration, parse_limit(Metric.DURATION, p95), hits, rate),
    )
    route = Route(severity=Severity.WARNING, sinks=("log",))
    policy = Policy(
        match=Route(sinks=(), severity=Severity.WARNING, state=State.VIOLATED),
        rate_limit=5.0,
        repeat_interval=300.0,
        max_failures=0,
        max_attempts=3,
        background=True,
    )
    sink = SinkDeclaration(name="a", type="webhook", options={"url": "${URL}"}, policy=policy)

    assert dump_catalog(Catalog(budgets=(budget,), routes=(route,), sinks=(sink,))) == (
        "[budgets.cache_hit]\n"
        'category = "cache"\n'
        "critical = true\n"
        "duration = [\n"
        '    { target = "100ms", threshold = "300ms" },\n'
        '    { target = "5ms", threshold = "20ms", statistic = "p95", window = "5min" },\n'
        "]\n"
        'hit_ratio = { target = ">= 95%", threshold = ">= 85%", min_samples = 20 }\n'
        'disk_write_rate = "10MB/min"\n'
        "\n"
        "[[routes]]\n"
        'when = { severity = ">= warning" }\n'
        'sinks = ["log"]\n'
        "\n"
        "[sinks.a]\n"
        'type = "webhook"\n'
        'url = "${URL}"\n'
        'match = { severity = ">= warning", state = "violated" }\n'
        'repeat_interval = "5min"\n'
        'rate_limit = "5/s"\n'
        "background = true\n"
        'max_failures = "off"\n'
        "max_attempts = 3\n"
    )


def test_an_objective_evidence_and_settings_are_what_a_person_would_write() -> None:
    budgets = (
        Budget(name="checkout", evidence=("cpu",), objective=Objective(ratio=0.999)),
        Budget(name="search", objective=Objective(ratio=0.99, period=7 * 3600.0, min_samples=50)),
    )
    settings = CatalogSettings(
        evidence_interval=60.0, max_overhead=0.01, monitor=("checkout",), monitor_interval=1.0
    )

    assert dump_catalog(Catalog(budgets=budgets, settings=settings)) == (
        "[settings]\n"
        'evidence_interval = "1min"\n'
        'max_overhead = "1%"\n'
        'monitor = ["checkout"]\n'
        'monitor_interval = "1s"\n'
        "\n"
        "[budgets.checkout]\n"
        'evidence = ["cpu"]\n'
        'objective = "99.9%"\n'
        "\n"
        "[budgets.search]\n"
        'objective = { ratio = "99%", period = "7h", min_samples = 50 }\n'
    )


def test_words_for_scaling_come_back_as_words() -> None:
    budget = Budget(name="a", limits=(parse_limit(Metric.SCALING_EXPONENT, "Linear"),))

    assert 'scaling_exponent = "linear"' in dump_catalog(Catalog(budgets=(budget,)))


def test_without_its_extra_writing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomlkit", None)

    with pytest.raises(MissingExtraError, match="pip install 'perfkit\\[cli\\]'"):
        dump_catalog(Catalog())
