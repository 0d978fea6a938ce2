"""Turn the parsed tables of a catalog file into a `Catalog`, or list all that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from perfkit.catalog.catalog import Catalog, CatalogSettings, SinkDeclaration
from perfkit.catalog.limits import read_limits
from perfkit.catalog.problems import Problems, quoted
from perfkit.errors import BudgetError
from perfkit.model import Budget, Limit, Metric, Route, Severity

SPANS: Final = ("always", "violations", "never")
UNKNOWN_BUDGETS: Final = ("warn", "raise", "ignore")

_Reader: TypeAlias = Callable[[Any, Problems], Any]


def read_catalog(data: Mapping[str, Any], problems: Problems, source: str) -> Catalog | None:
    """Make a catalog of what a TOML file holds; None if anything is wrong.

    Args:
        data: The top table, or the ``[tool.perfkit]`` table.
        problems: Where to note what is wrong.
        source: Where it was read from, for messages.
    """
    if not data:
        problems.add(f"nothing in it; write a budget, such as {_FIRST_BUDGET}")
    parts = _read_keys(data, _CATALOG_KEYS, problems)
    return None if problems.found else Catalog(**parts, source=source)


def _read_keys(
    table: Mapping[str, Any], readers: Mapping[str, _Reader], problems: Problems
) -> dict[str, Any]:
    """Read each key with its own reader; report those that have none."""
    parts = {}
    for key, value in table.items():
        if key in readers:
            parts[key] = readers[key](value, problems.below(key))
        else:
            problems.add_unknown(key, readers)
    return parts


def _budgets(value: Any, problems: Problems) -> tuple[Budget, ...]:
    budgets = (
        _budget(name, table, problems.below(name))
        for name, table in _table(value, problems, "[budgets.session_retrieval]").items()
    )
    return tuple(budget for budget in budgets if budget)


def _budget(name: str, value: Any, problems: Problems) -> Budget | None:
    seen = len(problems.found)
    table = _table(value, problems, '{ duration = "300ms" }')
    parts = {}
    limits: list[Limit] = []
    for key, item in table.items():
        below = problems.below(key)
        if key in _BUDGET_KEYS:
            parts[key] = _BUDGET_KEYS[key](item, below)
        elif key in _METRICS:
            limits += read_limits(_METRICS[key], item, below, bare_numbers=False)
        elif key in _OTHER_WORDS:
            below.add(f"unknown key; did you mean {_OTHER_WORDS[key]}?")
        else:
            problems.add_unknown(key, (*_BUDGET_KEYS, *_METRICS))
    try:
        budget = Budget(name=name, limits=limits, **parts)
    except BudgetError as error:
        problems.add(str(error))
        return None
    return budget if len(problems.found) == seen else None


def _settings(value: Any, problems: Problems) -> CatalogSettings:
    table = _table(value, problems, "[settings]")
    return CatalogSettings(**_read_keys(table, _SETTINGS_KEYS, problems))


def _category_spans(value: Any, problems: Problems) -> dict[str, str]:
    table = _table(value, problems, '{ database = "violations" }')
    return {category: _spans(spans, problems.below(category)) for category, spans in table.items()}


def _routes(value: Any, problems: Problems) -> tuple[Route, ...]:
    if not isinstance(value, list):
        problems.add(f"{quoted(value)} is not a list of routes; write [[routes]]")
        return ()
    return tuple(_route(item, problems.below(index)) for index, item in enumerate(value))


def _route(value: Any, problems: Problems) -> Route:
    table = _table(value, problems, '{ sinks = ["log"] }')
    if "sinks" not in table:
        problems.add('no sinks; write sinks = ["log"]')
    parts = _read_keys(table, {"when": _when, "sinks": _names}, problems)
    return Route(sinks=parts.get("sinks", ()), **parts.get("when", {}))


def _when(value: Any, problems: Problems) -> dict[str, Any]:
    table = _table(value, problems, '{ category = "database" }')
    return _read_keys(table, {"budget": _text, "category": _text, "severity": _severity}, problems)


def _severity(value: Any, problems: Problems) -> Severity | None:
    text = value.strip() if isinstance(value, str) else ""
    for severity in Severity:
        if text.startswith(">=") and text.removeprefix(">=").strip() == severity:
            return severity
        if text == severity and severity is not Severity.CRITICAL:
            problems.add(f'it is a route for "{text}" and worse; write ">= {text}"')
            return None
    if text == Severity.CRITICAL:
        return Severity.CRITICAL
    problems.add(f'{quoted(value)} is not a severity; write ">= info", ">= warning" or "critical"')
    return None


def _sinks(value: Any, problems: Problems) -> tuple[SinkDeclaration, ...]:
    tables = _table(value, problems, '[sinks.file] with type = "jsonl"')
    return tuple(_sink(name, table, problems.below(name)) for name, table in tables.items())


def _sink(name: str, value: Any, problems: Problems) -> SinkDeclaration:
    options = dict(_table(value, problems, '{ type = "jsonl" }'))
    if "type" not in options:
        problems.add('no type; write type = "jsonl", or the type that it is')
    kind = _text(options.pop("type", ""), problems.below("type"))
    return SinkDeclaration(name=name, type=kind, options=options)


def _table(value: Any, problems: Problems, example: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    problems.add(f"{quoted(value)} is not a table; write {example}")
    return {}


def _text(value: Any, problems: Problems) -> str:
    if not isinstance(value, str):
        problems.add(f"{quoted(value)} is not text; write it in quotes")
    return str(value)


def _flag(value: Any, problems: Problems) -> bool:
    if not isinstance(value, bool):
        problems.add(f"{quoted(value)} is neither true nor false; write true or false, no quotes")
    return bool(value)


def _names(value: Any, problems: Problems) -> tuple[str, ...]:
    if not isinstance(value, list):
        problems.add(f'{quoted(value)} is not a list; write ["..."]')
        return ()
    return tuple(_text(item, problems.below(index)) for index, item in enumerate(value))


def _choice(value: Any, problems: Problems, choices: tuple[str, ...]) -> str:
    if value not in choices:
        names = ", ".join(f'"{choice}"' for choice in choices)
        problems.add(f"{quoted(value)} is not one of the choices; write one of {names}")
    return str(value)


def _spans(value: Any, problems: Problems) -> str:
    return _choice(value, problems, SPANS)


def _unknown_budgets(value: Any, problems: Problems) -> str:
    return _choice(value, problems, UNKNOWN_BUDGETS)


_CATALOG_KEYS: Final[Mapping[str, _Reader]] = {
    "budgets": _budgets,
    "settings": _settings,
    "routes": _routes,
    "sinks": _sinks,
}
_BUDGET_KEYS: Final[Mapping[str, _Reader]] = {
    "category": _text,
    "critical": _flag,
    "description": _text,
    "sinks": _names,
    "spans": _spans,
    "notes": _names,
}
_SETTINGS_KEYS: Final[Mapping[str, _Reader]] = {
    "spans": _spans,
    "category_spans": _category_spans,
    "unknown_budgets": _unknown_budgets,
    "sinks": _names,
    "enabled": _flag,
}
_METRICS: Final = {metric.value: metric for metric in Metric}
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
}
_FIRST_BUDGET: Final = '[budgets.session_retrieval] with duration = "300ms" below it'
