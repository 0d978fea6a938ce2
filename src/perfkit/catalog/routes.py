"""Parse and write routes: conditions on violations, and the sinks that receive them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import asdict

from perfkit.catalog.fields import (
    Field,
    choice,
    field_table,
    read_keys,
    read_names,
    read_table,
    read_text,
    write_keys,
)
from perfkit.catalog.problems import Problems, quoted
from perfkit.model import LIMITABLE, Metric, Route, Severity, State
from perfkit.model.budget import one_of


def read_routes(value: Any, problems: Problems) -> tuple[Route, ...]:
    """Parse the ``[[routes]]`` of a catalog; report invalid values to `problems`."""
    if isinstance(value, dict):
        problems.add("routes is a table; write [[routes]], which is a list of them")
        return ()
    if not isinstance(value, list):
        problems.refuse(value, "is not a list of routes; write [[routes]]")
        return ()
    routes = tuple(_route(item, problems.below(index)) for index, item in enumerate(value))
    names = [route.name for route in routes]
    for index, name in enumerate(names):
        first = names.index(name)
        if name and first < index:
            below = problems.below(index, "name")
            below.add(f"routes[{first}] is called {quoted(name)} too; rename one of them")
    return routes


def read_conditions(value: Any, problems: Problems) -> dict[str, Any]:
    """Parse a table of conditions to keyword arguments of `Route`."""
    table = read_table(value, problems, '{ category = "database" }')
    return read_keys(table, CONDITIONS, problems)


def write_conditions(route: Route) -> dict[str, Any]:
    """Return the conditions of a route as plain TOML data."""
    return write_keys(asdict(route, recurse=False), CONDITIONS.values())


def _route(value: Any, problems: Problems) -> Route:
    table = read_table(value, problems, '{ sinks = ["log"] }')
    if "sinks" not in table:
        problems.add('no sinks; write sinks = ["log"]')
    parts = read_keys(table, ROUTE_KEYS, problems)
    name = parts.get("name", "")
    if name == DEFAULT_ROUTE:
        problems.below("name").add(f'"{DEFAULT_ROUTE}" is what no route matches; write another')
    return Route(sinks=parts.get("sinks", ()), name=name, **parts.get("when", {}))


def _severity(value: Any, problems: Problems) -> Severity | None:
    # A route matches its severity and all higher ones. The sign makes that visible in the file, so
    # a bare name is only valid for the highest severity, where both readings agree.
    text = value.strip() if isinstance(value, str) else ""
    for severity in Severity:
        if text.startswith(">=") and text.removeprefix(">=").strip() == severity:
            return severity
        if text == severity and severity is not Severity.CRITICAL:
            problems.add(f'it is a route for "{text}" and worse; write ">= {text}"')
            return None
    if text == Severity.CRITICAL:
        return Severity.CRITICAL
    problems.refuse(value, 'is not a severity; write ">= info", ">= warning" or "critical"')
    return None


def _write_severity(severity: Severity) -> str:
    return str(severity) if severity is Severity.CRITICAL else f">= {severity}"


def _metric(value: Any, problems: Problems) -> str:
    text = read_text(value, problems)
    # The burn rate cannot have a limit, but objectives produce violations on it.
    known = (*LIMITABLE, Metric.BURN_RATE)
    if isinstance(value, str) and not any(fnmatchcase(metric, text) for metric in known):
        remedy = problems.remedy(text, known, f"write {one_of(known)}, or a glob")
        problems.refuse(text, f"is no metric; {remedy}")
    return text


DEFAULT_ROUTE: Final = "default"
"""The name of the route for violations that no other route matches."""

CONDITIONS: Final = field_table(
    Field("budget", read_text),
    Field("category", read_text),
    Field("metric", _metric),
    Field("severity", _severity, write=_write_severity),
    Field("state", choice(State.DEGRADED, State.VIOLATED), write=str),
    Field("environment", read_text),
)
"""The conditions of a route."""
ROUTE_KEYS: Final = field_table(
    Field("name", read_text),
    Field("when", read_conditions),
    Field("sinks", read_names),
)
"""The keys of a route."""
