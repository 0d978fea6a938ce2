"""Convert the parsed tables of a catalog file to a `Catalog`; collect all problems."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from attrs import evolve

from perfkit.catalog.catalog import Catalog, SinkDeclaration
from perfkit.catalog.fields import (
    Field,
    choice,
    field_table,
    read_count,
    read_count_or_off,
    read_flag,
    read_keys,
    read_names,
    read_rate_or_off,
    read_seconds,
    read_seconds_or_off,
    read_spans,
    read_table,
    read_text,
)
from perfkit.catalog.limits import OF_OBJECTIVES, read_limits
from perfkit.catalog.objectives import read_evidence, read_objective
from perfkit.catalog.problems import Problems
from perfkit.catalog.routes import read_conditions, read_routes, write_conditions
from perfkit.catalog.settings import check_monitored, read_settings
from perfkit.errors import BudgetError
from perfkit.model import LIMITABLE, Budget, Limit, Metric, Policy, Route


def read_catalog(data: Mapping[str, Any], problems: Problems, source: str) -> Catalog | None:
    """Convert the top table, or ``[tool.perfkit]``, to a catalog; None if there are problems."""
    if not data:
        problems.add(f"nothing in it; write a budget, such as {_FIRST_BUDGET}")
    parts = read_keys(data, _CATALOG_KEYS, problems)
    # This check needs two tables, so the parser of a single key cannot make it.
    settings = data.get("settings")
    if isinstance(settings, Mapping):
        place = problems.below("settings", "monitor")
        check_monitored(settings.get("monitor"), data.get("budgets"), place)
    return None if problems.found else Catalog(**parts, source=source)


def _budgets(value: Any, problems: Problems) -> tuple[Budget, ...]:
    budgets = (
        _budget(name, table, problems.below(name))
        for name, table in read_table(value, problems, "[budgets.session_retrieval]").items()
    )
    return tuple(budget for budget in budgets if budget)


def _budget(name: str, value: Any, problems: Problems) -> Budget | None:
    # A budget with a problem is dropped after all its keys were parsed, so that one load reports
    # every problem of it.
    seen = len(problems.found)
    table = read_table(value, problems, '{ duration = "300ms" }')
    parts = {}
    limits: list[Limit] = []
    for key, item in table.items():
        below = problems.below(key)
        if key in BUDGET_KEYS:
            parts[key] = BUDGET_KEYS[key].read(item, below)
        elif key in _METRICS:
            limits += read_limits(_METRICS[key], item, below)
        elif key == Metric.BURN_RATE:
            below.add(OF_OBJECTIVES)
        elif key in _OTHER_WORDS:
            below.add(f"unknown key; did you mean {_OTHER_WORDS[key]}?")
        else:
            problems.add_unknown(key, (*BUDGET_KEYS, *_METRICS))
    try:
        budget = Budget(name=name, limits=limits, **parts)
    except BudgetError as error:
        problems.add(str(error))
        return None
    return budget if len(problems.found) == seen else None


def _sinks(value: Any, problems: Problems) -> tuple[SinkDeclaration, ...]:
    # A secret may be in an unexpected place, such as a URL instead of a table.
    problems = evolve(problems, hides_texts=True)
    tables = read_table(value, problems, '[sinks.file] with type = "jsonl"')
    return tuple(_sink(name, table, problems.below(name)) for name, table in tables.items())


def _sink(name: str, value: Any, problems: Problems) -> SinkDeclaration:
    options = dict(read_table(value, problems, '{ type = "jsonl" }'))
    kind = read_text(options.pop("type", name), problems.below("type"))
    policy = {
        key: field.read(options.pop(key), problems.below(key))
        for key, field in POLICY.items()
        if key in options
    }
    return SinkDeclaration(name=name, type=kind, options=options, policy=Policy(**policy))


def _match(value: Any, problems: Problems) -> Route:
    return Route(sinks=(), **read_conditions(value, problems))


@cache
def default_policy(kind: str) -> Policy:
    """Return the default policy of a type of sink. Cached."""
    return Policy(**{key: each.by_type.get(kind, each.default) for key, each in POLICY.items()})


_NETWORK: Final = ("webhook", "alertmanager", "notify")

POLICY: Final[Mapping[str, Field]] = field_table(
    Field(
        "match",
        _match,
        "only violations that match it: conditions as of a route",
        write=write_conditions,
    ),
    Field(
        "repeat_interval",
        read_seconds_or_off,
        "time until another violation of the same kind and severity is delivered; with "
        "`resolve_after`, of the same incident",
        0.0,
        {"notify": 300.0, "github": 3600.0, "alertmanager": 60.0},
    ),
    Field(
        "resolve_after",
        read_seconds_or_off,
        "time without a violation after which an incident of single calls is resolved",
        0.0,
        {"alertmanager": 300.0},
    ),
    Field(
        "send_resolved",
        read_flag,
        "whether a recovery is delivered when `resolve_after` ends an incident",
        default=True,
    ),
    Field(
        "rate_limit",
        read_rate_or_off,
        'largest number on average: `"10/min"`',
        0.0,
        {"log": 20.0, "webhook": 5.0, "sentry": 1.0, "notify": 0.2},
    ),
    Field(
        "burst",
        read_count,
        "largest number at once, if there were none before",
        1,
        {"log": 100, "webhook": 50, "sentry": 20, "notify": 5},
    ),
    Field("background", read_flag, "whether the sink has a queue and a thread of its own"),
    Field("queue_size", read_count, "largest number of violations in the queue", 1000),
    Field(
        "when_full",
        choice("drop_oldest", "drop_newest"),
        'which violation a full queue drops: `"drop_oldest"` or `"drop_newest"`',
        "drop_oldest",
    ),
    Field("batch_size", read_count, "number of violations to send together", 1),
    Field(
        "batch_wait", read_seconds, "longest time that the first of a batch waits for others", 5.0
    ),
    Field(
        "max_failures",
        read_count_or_off,
        "number of failures in a row that stop deliveries for a while",
        0,
        dict.fromkeys(_NETWORK, 5),
    ),
    Field("failure_cooldown", read_seconds, "time without deliveries after that", 30.0),
    Field(
        "max_attempts",
        read_count,
        "number of attempts, with growing random waits; more than 1 needs `perfkit[webhook]`",
        1,
        dict.fromkeys(_NETWORK, 3),
    ),
)
"""The policy keys of every type of sink, in the order of the layers. All others are options."""

_CATALOG_KEYS: Final = field_table(
    Field("budgets", _budgets),
    Field("settings", read_settings),
    Field("routes", read_routes),
    Field("sinks", _sinks),
)
BUDGET_KEYS: Final = field_table(
    Field("category", read_text),
    Field("critical", read_flag),
    Field("description", read_text),
    Field("sinks", read_names),
    Field("spans", read_spans),
    Field("notes", read_names),
    Field("objective", read_objective),
    Field("evidence", read_evidence),
)
"""The keys of a budget, except those of its limits."""
_METRICS: Final = {metric.value: metric for metric in LIMITABLE}
# Common names of metrics that differ too much from the keys of perfkit to be found as misspellings.
_OTHER_WORDS: Final = {
    "latency": Metric.DURATION,
    "time": Metric.DURATION,
    "response_time": Metric.DURATION,
    "memory": Metric.MEMORY_PEAK,
    "rss": Metric.MEMORY_RSS,
    "cpu": Metric.CPU_TIME,
    "tps": Metric.THROUGHPUT,
    "rps": Metric.THROUGHPUT,
    "hit_rate": Metric.HIT_RATIO,
    "error_rate": Metric.ERROR_RATIO,
    "gc": Metric.GC_TIME,
    "gc_pause": Metric.GC_TIME,
    "file_descriptors": Metric.OPEN_FILES,
    "slo": "objective",
    "error_budget": "objective",
    "availability": "objective",
    "profile": "evidence",
}
_FIRST_BUDGET: Final = '[budgets.session_retrieval] with duration = "300ms" below it'
