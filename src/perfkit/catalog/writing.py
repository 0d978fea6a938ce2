"""Write a catalog as TOML text."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

import attrs

from perfkit.catalog.bounds import SCALING_WORDS
from perfkit.catalog.catalog import Catalog, CatalogSettings, SinkDeclaration
from perfkit.catalog.sinks import OFF_KEYS, POLICY_KEYS
from perfkit.errors import CatalogError, MissingExtraError
from perfkit.model import (
    USUAL_WINDOW_SECONDS,
    Budget,
    Direction,
    Limit,
    Metric,
    Objective,
    Route,
    Severity,
    Sink,
)
from perfkit.units import Unit, write_quantity


def dump_catalog(catalog: Catalog) -> str:
    """Write a catalog as TOML that loads as the same catalog.

    Limits on one metric are written together, so they come back side by side. Options of sinks are
    written as they stand, so write environment variables as ``${NAME}`` there.

    Raises:
        CatalogError: If a route names a sink that has no name.
        MissingExtraError: If the extra `cli` is not installed.
    """
    toml = _tomlkit()
    document = toml.document()
    settings = _settings(catalog.settings)
    if settings:
        document["settings"] = settings
    if catalog.budgets or not (settings or catalog.routes or catalog.sinks):
        document["budgets"] = toml.table(is_super_table=bool(catalog.budgets))
    for budget in catalog.budgets:
        document["budgets"][budget.name] = _budget(budget, toml)
    if catalog.routes:
        document.add(toml.nl())  # tomlkit leaves no room before a list of tables
        document["routes"] = toml.aot()
    for route in catalog.routes:
        document["routes"].append(_route(route, toml))
    if catalog.sinks:
        document["sinks"] = toml.table(is_super_table=True)
    for sink in catalog.sinks:
        document["sinks"][sink.name] = _sink(sink, toml)
    return str(toml.dumps(document))


def line_text(limit: Limit, line: float) -> str:
    """Write a target or threshold of `limit`, with its direction where that is not obvious.

    >>> from perfkit.catalog import parse_limit
    >>> line_text(parse_limit(Metric.HIT_RATIO, ("90%", "80%")), 0.8)
    '>= 80%'
    """
    sign = ">= " if limit.direction is Direction.AT_LEAST else ""
    if not sign and limit.metric.usual_direction is not Direction.AT_MOST:
        sign = "<= "
    if limit.metric is Metric.SCALING_EXPONENT and line in _SCALING:
        return sign + _SCALING[line]
    return sign + write_quantity(line, limit.metric.unit)


def _budget(budget: Budget, toml: ModuleType) -> Any:
    table = toml.table()
    for key, value in _budget_parts(budget).items():
        table[key] = value
    if budget.objective:
        table["objective"] = _objective(budget.objective, toml)
    for metric in dict.fromkeys(limit.metric for limit in budget.limits):
        limits = [limit for limit in budget.limits if limit.metric is metric]
        written = [_inline(_limit_parts(limit), toml) for limit in limits]
        table[metric.value] = written[0] if len(written) == 1 else _on_lines(written, toml)
        if len(limits) == 1 and list(_limit_parts(limits[0])) == ["threshold"]:
            table[metric.value] = line_text(limits[0], limits[0].threshold)
    return table


def _budget_parts(budget: Budget) -> dict[str, Any]:
    parts = {
        "category": budget.category or None,
        "critical": budget.critical or None,
        "description": budget.description or None,
        "sinks": None if budget.sinks is None else list(budget.sinks),
        "spans": budget.spans,
        "notes": list(budget.notes) or None,
        "evidence": list(budget.evidence) or None,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _objective(objective: Objective, toml: ModuleType) -> Any:
    usual = Objective(ratio=objective.ratio)
    parts: dict[str, Any] = {"ratio": write_quantity(objective.ratio, Unit.RATIO)}
    if objective.period != usual.period:
        parts["period"] = write_quantity(objective.period, Unit.SECONDS)
    if objective.min_samples != usual.min_samples:
        parts["min_samples"] = objective.min_samples
    return _inline(parts, toml) if objective != usual else parts["ratio"]


def _limit_parts(limit: Limit) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if limit.target != limit.threshold:
        parts["target"] = line_text(limit, limit.target)
    parts["threshold"] = line_text(limit, limit.threshold)
    if limit.statistic is not limit.metric.usual_statistic:
        parts["statistic"] = limit.statistic.value
    if limit.window not in {None, USUAL_WINDOW_SECONDS}:
        parts["window"] = write_quantity(limit.window or 0.0, Unit.SECONDS)
    if limit.min_samples != 1:
        parts["min_samples"] = limit.min_samples
    return parts


def _inline(parts: Mapping[str, Any], toml: ModuleType) -> Any:
    """Make an inline table with room between its parts, which tomlkit leaves out."""
    written = (f"{key} = {toml.item(value).as_string()}" for key, value in parts.items())
    return toml.value(f"{{ {', '.join(written)} }}")


def _on_lines(items: list[Any], toml: ModuleType) -> Any:
    array = toml.array().multiline(multiline=True)
    array.extend(items)
    return array


def _quantity(value: float | None, unit: Unit) -> str | None:
    return None if value is None else write_quantity(value, unit)


def _settings(settings: CatalogSettings) -> dict[str, Any]:
    monitor = settings.monitor
    parts = {
        "spans": settings.spans,
        "unknown_budgets": settings.unknown_budgets,
        "sinks": None if settings.sinks is None else list(settings.sinks),
        "enabled": settings.enabled,
        "evidence_interval": _quantity(settings.evidence_interval, Unit.SECONDS),
        "max_overhead": _quantity(settings.max_overhead, Unit.RATIO),
        "monitor": list(monitor) if isinstance(monitor, tuple) else monitor,
        "monitor_interval": _quantity(settings.monitor_interval, Unit.SECONDS),
        "routing": settings.routing,
        "delivery": settings.delivery,
        "environment": settings.environment,
        "category_spans": dict(settings.category_spans) or None,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _route(route: Route, toml: ModuleType) -> Any:
    table = toml.table()
    if route.name:
        table["name"] = route.name
    if when := _when(route):
        table["when"] = _inline(when, toml)
    table["sinks"] = [_name_of(sink) for sink in route.sinks]
    return table


def _name_of(sink: str | Sink) -> str:
    if not isinstance(sink, str):
        raise CatalogError(
            [f"a route leads to a {type(sink).__name__}, which a file cannot hold; write its name"]
        )
    return sink


def _when(route: Route) -> dict[str, Any]:
    severity = route.severity and f">= {route.severity}"
    parts = {
        "budget": route.budget,
        "category": route.category,
        "metric": route.metric,
        "severity": "critical" if route.severity is Severity.CRITICAL else severity,
        "state": route.state and str(route.state),
        "environment": route.environment,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _sink(sink: SinkDeclaration, toml: ModuleType) -> Mapping[str, Any]:
    said = attrs.asdict(sink.policy, recurse=False)
    policy = {key: _policy(key, said[key], toml) for key in POLICY_KEYS if said[key] is not None}
    options = _plain_first(sink.options)
    plain = {key: value for key, value in options.items() if not _holds_table(value)}
    return {"type": sink.type, **plain, **policy, **options}


def _policy(key: str, value: Any, toml: ModuleType) -> Any:
    if isinstance(value, Route):
        return _inline(_when(value), toml)
    if key in OFF_KEYS and not value:
        return "off"
    unit = _POLICY_UNITS.get(key)
    return value if unit is None else write_quantity(value, unit)


def _plain_first(options: Mapping[str, Any]) -> dict[str, Any]:
    """Put plain values before tables, as TOML has to, so that what was read is written the same."""
    ordered = sorted(options.items(), key=lambda item: _holds_table(item[1]))
    return {
        key: _plain_first(value) if isinstance(value, Mapping) else value for key, value in ordered
    }


def _holds_table(value: object) -> bool:
    if not isinstance(value, list):
        return isinstance(value, Mapping)
    return bool(value) and all(isinstance(item, Mapping) for item in value)


def _tomlkit() -> ModuleType:
    try:
        import tomlkit  # noqa: PLC0415 - an extra, loaded when it is used
    except ImportError:
        raise MissingExtraError("writing a catalog", "cli") from None
    return tomlkit


_POLICY_UNITS: Final[Mapping[str, Unit]] = {
    "rate_limit": Unit.PER_SECOND,
    "cooldown": Unit.SECONDS,
    "quiet": Unit.SECONDS,
    "repeat": Unit.SECONDS,
    "batch_wait": Unit.SECONDS,
    "time_limit": Unit.SECONDS,
    "failure_cooldown": Unit.SECONDS,
}
_SCALING: Final = {exponent: word for word, exponent in SCALING_WORDS.items()}
