"""Write a catalog as TOML text."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

import attrs

from perfkit.catalog.bounds import SCALING_WORDS
from perfkit.catalog.catalog import Catalog, SinkDeclaration
from perfkit.catalog.fields import write_keys
from perfkit.catalog.limits import limit_fields
from perfkit.catalog.objectives import OBJECTIVE_KEYS
from perfkit.catalog.reading import BUDGET_KEYS, POLICY
from perfkit.catalog.routes import write_conditions
from perfkit.catalog.settings import SETTINGS
from perfkit.errors import CatalogError, MissingExtraError
from perfkit.model import (
    DEFAULT_WINDOW_SECONDS,
    Budget,
    Direction,
    Limit,
    Metric,
    Objective,
    Route,
)
from perfkit.units import write_quantity


def dump_catalog(catalog: Catalog) -> str:
    """Write a catalog as TOML that loads as the same catalog.

    Limits on one metric are written together, so they are adjacent after a reload. Options of
    sinks are written unchanged, so a secret belongs there as ``${NAME}``, which is expanded later.

    Raises:
        CatalogError: If a route names a sink that has no name.
        MissingExtraError: If the extra `cli` is not installed.
    """
    try:
        import tomlkit as toml  # noqa: PLC0415 - an extra, loaded when it is used
    except ImportError:
        raise MissingExtraError("writing a catalog", "cli") from None
    document = toml.document()
    settings = _settings(catalog)
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
    if not sign and limit.metric.default_direction is not Direction.AT_MOST:
        sign = "<= "
    if limit.metric is Metric.SCALING_EXPONENT and line in _SCALING:
        return sign + _SCALING[line]
    return sign + write_quantity(line, limit.metric.unit)


def write_limit(limit: Limit) -> dict[str, Any]:
    """Return a limit as plain TOML data, without the keys that have their default."""
    target = None if limit.target == limit.threshold else line_text(limit, limit.target)
    is_usual = limit.statistic is limit.metric.default_statistic
    values = {
        "target": target,
        "threshold": line_text(limit, limit.threshold),
        "statistic": None if is_usual else str(limit.statistic),
        "window": None if limit.window == DEFAULT_WINDOW_SECONDS else limit.window,
        "min_samples": None if limit.min_samples == 1 else limit.min_samples,
    }
    return write_keys(values, limit_fields(limit.metric).values())


def _budget(budget: Budget, toml: ModuleType) -> Any:
    values = {key: getattr(budget, key) or None for key in BUDGET_KEYS if key != "objective"}
    table = toml.table()
    table.update(write_keys(values | {"sinks": budget.sinks}, BUDGET_KEYS.values()))
    if budget.objective:
        table["objective"] = _objective(budget.objective, toml)
    for metric in dict.fromkeys(limit.metric for limit in budget.limits):
        limits = [write_limit(limit) for limit in budget.limits if limit.metric is metric]
        table[metric.value] = _limits(limits, toml)
    return table


def _objective(objective: Objective, toml: ModuleType) -> Any:
    usual = attrs.asdict(Objective(ratio=objective.ratio)) | {"ratio": None}
    values = {key: each for key, each in attrs.asdict(objective).items() if each != usual[key]}
    parts = write_keys(values, OBJECTIVE_KEYS.values())
    return _inline(parts, toml) if len(parts) > 1 else parts["ratio"]


def _limits(limits: list[dict[str, Any]], toml: ModuleType) -> Any:
    """Return the limits on one metric: a text, an inline table, or an array of tables."""
    if len(limits) == 1:
        (limit,) = limits
        return limit["threshold"] if list(limit) == ["threshold"] else _inline(limit, toml)
    array = toml.array().multiline(multiline=True)
    array.extend(_inline(limit, toml) for limit in limits)
    return array


def _inline(parts: Mapping[str, Any], toml: ModuleType) -> Any:
    # The text is built here because tomlkit writes its own inline tables without these spaces.
    written = (f"{key} = {toml.item(value).as_string()}" for key, value in parts.items())
    return toml.value(f"{{ {', '.join(written)} }}")


def _settings(catalog: Catalog) -> dict[str, Any]:
    values = attrs.asdict(catalog.settings, recurse=False)
    values["category_spans"] = values["category_spans"] or None
    # In TOML a key after a table header belongs to that table, so the only table is last.
    ordered = sorted(SETTINGS.values(), key=lambda each: each.name == "category_spans")
    return write_keys(values, ordered)


def _route(route: Route, toml: ModuleType) -> Any:
    table = toml.table()
    if route.name:
        table["name"] = route.name
    if when := write_conditions(route):
        table["when"] = _inline(when, toml)
    for sink in route.sinks:
        if not isinstance(sink, str):
            kind = type(sink).__name__
            raise CatalogError(
                [f"a route leads to a {kind}, which a file cannot hold; write its name"]
            )
    table["sinks"] = list(route.sinks)
    return table


def _sink(sink: SinkDeclaration, toml: ModuleType) -> Mapping[str, Any]:
    policy = write_keys(sink.policy.configured(), POLICY.values())
    # Inline, because a table of its own would end the keys of the sink: see `_plain_first`.
    if "match" in policy:
        policy["match"] = _inline(policy["match"], toml)
    options = _plain_first(sink.options)
    plain = {key: value for key, value in options.items() if not _holds_table(value)}
    return {"type": sink.type, **plain, **policy, **options}


def _plain_first(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with plain values before tables, at every level."""
    # TOML requires this order. Sorting is stable, so a catalog that was loaded is written with its
    # keys in the same order each time.
    ordered = sorted(options.items(), key=lambda item: _holds_table(item[1]))
    return {
        key: _plain_first(value) if isinstance(value, Mapping) else value for key, value in ordered
    }


def _holds_table(value: object) -> bool:
    if not isinstance(value, list):
        return isinstance(value, Mapping)
    return bool(value) and all(isinstance(item, Mapping) for item in value)


_SCALING: Final = {exponent: word for word, exponent in SCALING_WORDS.items()}
