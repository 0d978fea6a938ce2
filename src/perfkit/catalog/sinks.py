"""Read what a catalog says of sinks: their types, their options, and what stands before them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from perfkit.catalog.catalog import SinkDeclaration
from perfkit.catalog.problems import Problems
from perfkit.catalog.routes import read_conditions
from perfkit.catalog.values import (
    Reader,
    read_choice,
    read_flag,
    read_seconds,
    read_table,
    read_text,
)
from perfkit.errors import UnitError
from perfkit.model import Policy, Route
from perfkit.units import Unit, parse_quantity


def read_sinks(value: Any, problems: Problems) -> tuple[SinkDeclaration, ...]:
    """Read the ``[sinks]`` tables of a catalog and note what is wrong, showing no text of them.

    A secret may stand where nobody expects it, such as an address in place of a table.
    """
    problems = problems.hiding()
    tables = read_table(value, problems, '[sinks.file] with type = "jsonl"')
    return tuple(_sink(name, table, problems.below(name)) for name, table in tables.items())


def _sink(name: str, value: Any, problems: Problems) -> SinkDeclaration:
    options = dict(read_table(value, problems, '{ type = "jsonl" }'))
    kind = read_text(options.pop("type", name), problems.below("type"))
    policy = {
        key: read(options.pop(key), problems.below(key))
        for key, read in POLICY_KEYS.items()
        if key in options
    }
    return SinkDeclaration(name=name, type=kind, options=options, policy=Policy(**policy))


def _only(value: Any, problems: Problems) -> Route:
    return Route(sinks=(), **read_conditions(value, problems))


def _seconds(value: Any, problems: Problems, *, or_off: str = "") -> float | None:
    """Read a time above zero."""
    seconds = read_seconds(value, problems, bare_numbers=False)
    if seconds is not None and not 0 < seconds < math.inf:
        problems.refuse(value, f'is not a time above zero; write one, such as "5m"{or_off}')
        return None
    return seconds


def _seconds_or_off(value: Any, problems: Problems) -> float | None:
    """Read a time above zero; 0 where it is turned off."""
    return 0.0 if _is_off(value) else _seconds(value, problems, or_off=_OR_OFF)


def _rate_or_off(value: Any, problems: Problems) -> float | None:
    if _is_off(value):
        return 0.0
    try:
        rate = parse_quantity(value, Unit.PER_SECOND) if isinstance(value, str) else math.nan
    except UnitError:
        rate = math.nan
    if not 0 < rate < math.inf:
        problems.refuse(value, f'is not a rate; write one, such as "10/min"{_OR_OFF}')
        return None
    return rate


def _count(value: Any, problems: Problems, *, or_off: str = "") -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        problems.refuse(value, f"is not a whole number of at least 1; write one{or_off}")
        return None
    return value


def _count_or_off(value: Any, problems: Problems) -> int | None:
    return 0 if _is_off(value) else _count(value, problems, or_off=_OR_OFF)


def _is_off(value: Any) -> bool:
    return value is False or value == "off"


def _when_full(value: Any, problems: Problems) -> str:
    return read_choice(value, problems, ("drop_oldest", "drop_newest"))


_OR_OFF: Final = ', or "off"'

POLICY_KEYS: Final[Mapping[str, Reader]] = {
    "only": _only,
    "rate_limit": _rate_or_off,
    "burst": _count,
    "cooldown": _seconds_or_off,
    "quiet": _seconds_or_off,
    "repeat": _seconds_or_off,
    "batch_size": _count,
    "batch_wait": _seconds,
    "attempts": _count,
    "time_limit": _seconds_or_off,
    "failures": _count_or_off,
    "failure_cooldown": _seconds,
    "background": read_flag,
    "queue_size": _count,
    "when_full": _when_full,
}
"""What every sink may say, whatever its type. All other keys are options of the type."""
OFF_KEYS: Final = frozenset({"rate_limit", "cooldown", "quiet", "repeat", "time_limit", "failures"})
"""Those that may be ``"off"``."""
