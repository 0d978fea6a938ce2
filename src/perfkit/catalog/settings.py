"""Parse settings from ``[settings]``, from environment variables and from `configure`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from perfkit.catalog.catalog import CatalogSettings
from perfkit.catalog.fields import (
    Field,
    choice,
    field_table,
    read_flag,
    read_keys,
    read_names,
    read_seconds,
    read_seconds_or_zero,
    read_share,
    read_spans,
    read_table,
    read_text,
    write_share,
)
from perfkit.catalog.problems import Problems, quoted
from perfkit.errors import ConfigurationError


def read_settings(value: Any, problems: Problems) -> CatalogSettings:
    """Parse the ``[settings]`` table; report invalid values to `problems`."""
    table = read_table(value, problems, "[settings]")
    return CatalogSettings(**read_keys(table, SETTINGS, problems))


def read_in_code(arguments: Mapping[str, Any]) -> CatalogSettings:
    """Parse settings from the arguments of a function; None means not set.

    Raises:
        ConfigurationError: If values are invalid. The message lists all of them.
    """
    problems = Problems(in_code=True)
    given = {name: value for name, value in arguments.items() if value is not None}
    settings = CatalogSettings(**read_keys(given, SETTINGS, problems))
    if problems.found:
        raise ConfigurationError(str(problems.as_error()))
    return settings


def read_variables(variables: Mapping[str, str]) -> CatalogSettings:
    """Parse the settings in environment variables.

    Raises:
        ConfigurationError: If ``PERFKIT_ENABLED`` is neither true nor false.
    """
    enabled = variables.get(ENABLED_VARIABLE, "").strip().lower()
    if enabled not in _FLAGS:
        raise ConfigurationError(f"{ENABLED_VARIABLE} is neither true nor false; write one of them")
    environment = variables.get(ENVIRONMENT_VARIABLE) or None
    return CatalogSettings(enabled=_FLAGS[enabled], environment=environment)


ENABLED_VARIABLE: Final = "PERFKIT_ENABLED"
ENVIRONMENT_VARIABLE: Final = "PERFKIT_ENVIRONMENT"
_FLAGS: Final = {"": None, "1": True, "true": True, "0": False, "false": False}


def check_monitored(monitor: object, budgets: object, problems: Problems) -> None:
    """Report each name in `monitor` that is neither a glob nor the name of a budget."""
    # The unparsed table also has the invalid budgets. Each of these is a problem already, and its
    # name must not be reported as unknown too.
    names = budgets if isinstance(budgets, Mapping) else {}
    for index, name in enumerate(monitor if isinstance(monitor, list) else ()):
        if isinstance(name, str) and name not in names and not _GLOB_MARKS & set(name):
            remedy = problems.remedy(name, names, "write the name of one, or a glob")
            problems.below(index).add(f"no budget is called {quoted(name)}; {remedy}")


def _category_spans(value: Any, problems: Problems) -> dict[str, str]:
    table = read_table(value, problems, '{ database = "violations" }')
    return {
        category: read_spans(spans, problems.below(category)) for category, spans in table.items()
    }


def _max_overhead(value: Any, problems: Problems) -> float | None:
    ratio = read_share(value, problems, "1%")
    if ratio is not None and not 0 < ratio <= 1:
        problems.refuse(value, 'is out of range; write one above 0% up to 100%, as in "1%"')
    return ratio


def _monitor(value: Any, problems: Problems) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if problems.in_code and isinstance(value, str):
        return (value,)
    # TOML has no tuples; an argument of `configure` may be one.
    if isinstance(value, list) or (problems.in_code and isinstance(value, tuple)):
        return read_names(list(value), problems)
    example = quoted(value) if isinstance(value, str) else '"peak_*"'
    problems.add(f"{quoted(value)} is not a list of budgets; write true, false or [{example}]")
    return False


SETTINGS: Final = field_table(
    Field(
        "spans",
        read_spans,
        'which calls get a span: `"always"`, `"violations"`, `"never"`',
        "always",
    ),
    Field("category_spans", _category_spans, "the same by category, as a table", write=dict),
    Field(
        "unknown_budgets",
        choice("warn", "raise", "ignore"),
        'effect of a name that is not in the catalog: `"warn"`, `"raise"`, `"ignore"`',
        "warn",
        under_pytest="raise",
    ),
    Field(
        "sinks",
        read_names,
        "names of the sinks for violations that no route matches",
        ("log", "otel"),
    ),
    Field("enabled", read_flag, "whether perfkit measures at all", default=True),
    Field(
        "evidence_interval",
        read_seconds_or_zero,
        "at most one call of a budget is slowed down for evidence in this time",
        60.0,
    ),
    Field(
        "max_overhead",
        _max_overhead,
        "share of wall time that evidence and memory tracing may cost",
        0.01,
        under_pytest=1.0,
        write=write_share,
    ),
    Field(
        "monitor",
        _monitor,
        "whether the process as a whole is measured: `true`, `false`, or a list of the budgets to "
        "evaluate, as names or with `*` and `?`",
        default=False,
    ),
    Field("monitor_interval", read_seconds, "time from one sample of the process to the next", 1.0),
    Field(
        "routing",
        choice("first", "all"),
        'which of the matching [routes](#routes) get a violation: `"first"` or `"all"`',
        "first",
    ),
    Field(
        "delivery",
        choice("background", "inline"),
        'where sinks work: `"background"` in a thread of each sink, `"inline"` in that of the call',
        "background",
        under_pytest="inline",
    ),
    Field(
        "environment",
        read_text,
        'where the application runs, such as `"production"`',
    ),
)
"""All settings, in the order of the documentation."""

DEFAULT_SINKS: Final = SETTINGS["sinks"].default
_GLOB_MARKS: Final = frozenset("*?[")
