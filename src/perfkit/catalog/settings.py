"""Read the settings of a catalog file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from perfkit.catalog.catalog import CatalogSettings
from perfkit.catalog.problems import Problems, quoted
from perfkit.catalog.values import (
    Reader,
    read_choice,
    read_flag,
    read_keys,
    read_names,
    read_seconds,
    read_share,
    read_spans,
    read_table,
    read_text,
)

ROUTING: Final = ("first", "all")
"""Which of the routes that match count."""

DELIVERY: Final = ("background", "inline")
"""In which thread violations are handed to their sinks."""

UNKNOWN_BUDGETS: Final = ("warn", "raise", "ignore")
"""What a name that is in no budget can do."""


def read_settings(value: Any, problems: Problems) -> CatalogSettings:
    """Read the ``[settings]`` table and note what is wrong."""
    table = read_table(value, problems, "[settings]")
    return CatalogSettings(**read_keys(table, SETTINGS_KEYS, problems))


def check_monitored(monitor: object, budgets: object, problems: Problems) -> None:
    """Note each name in `monitor` that is no glob and no budget.

    Args:
        monitor: What the settings say, as it is written.
        budgets: The table of all budgets, as it is written: one that is wrong is there too.
        problems: Where to note it, at the path of the list.
    """
    names = budgets if isinstance(budgets, Mapping) else {}
    for index, name in enumerate(monitor if isinstance(monitor, list) else ()):
        if isinstance(name, str) and name not in names and not _GLOB_MARKS & set(name):
            close = problems.nearest(name, names)
            remedy = f'did you mean "{close}"?' if close else "write the name of one, or a glob"
            problems.below(index).add(f"no budget is called {quoted(name)}; {remedy}")


def _category_spans(value: Any, problems: Problems) -> dict[str, str]:
    table = read_table(value, problems, '{ database = "violations" }')
    return {
        category: read_spans(spans, problems.below(category)) for category, spans in table.items()
    }


def _unknown_budgets(value: Any, problems: Problems) -> str:
    return read_choice(value, problems, UNKNOWN_BUDGETS)


def _evidence_interval(value: Any, problems: Problems) -> float | None:
    seconds = read_seconds(value, problems, bare_numbers=False)
    if seconds is not None and not 0 <= seconds < math.inf:
        problems.add(f'{quoted(value)} is not an interval; write one of zero or more, such as "1m"')
    return seconds


def _monitor_interval(value: Any, problems: Problems) -> float | None:
    seconds = read_seconds(value, problems, bare_numbers=False)
    if seconds is not None and not 0 < seconds < math.inf:
        problems.add(f'{quoted(value)} is not an interval; write one above zero, such as "1s"')
    return seconds


def _max_overhead(value: Any, problems: Problems) -> float | None:
    ratio = read_share(value, problems, "1%")
    if ratio is not None and not 0 < ratio <= 1:
        problems.add(f'{quoted(value)} is out of range; write one above 0% up to 100%, as in "1%"')
    return ratio


def _monitor(value: Any, problems: Problems) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if isinstance(value, list):
        return read_names(value, problems)
    example = quoted(value) if isinstance(value, str) else '"peak_*"'
    problems.add(f"{quoted(value)} is no list of budgets; write true, false or [{example}]")
    return False


SETTINGS_KEYS: Final[Mapping[str, Reader]] = {
    "spans": read_spans,
    "category_spans": _category_spans,
    "unknown_budgets": _unknown_budgets,
    "sinks": read_names,
    "enabled": read_flag,
    "evidence_interval": _evidence_interval,
    "max_overhead": _max_overhead,
    "monitor": _monitor,
    "monitor_interval": _monitor_interval,
    "routing": lambda value, problems: read_choice(value, problems, ROUTING),
    "delivery": lambda value, problems: read_choice(value, problems, DELIVERY),
    "environment": read_text,
}
"""What the table may hold."""
_GLOB_MARKS: Final = frozenset("*?[")
