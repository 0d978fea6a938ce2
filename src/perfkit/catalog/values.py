"""Read plain values of a catalog, and note what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from perfkit.catalog.bounds import as_number
from perfkit.catalog.problems import Problems
from perfkit.catalog.quantities import why_unreadable
from perfkit.errors import UnitError
from perfkit.model.budget import one_of
from perfkit.units import Unit, parse_quantity

Reader: TypeAlias = Callable[[Any, Problems], Any]
"""Reads one value; notes what is wrong with it at the path of the problems."""

_UNKNOWN_UNIT: Final = "unknown unit"


def read_keys(
    table: Mapping[str, Any], readers: Mapping[str, Reader], problems: Problems
) -> dict[str, Any]:
    """Read each key with its own reader; report those that have none."""
    parts = {}
    for key, value in table.items():
        if key in readers:
            parts[key] = readers[key](value, problems.below(key))
        else:
            problems.add_unknown(key, readers)
    return parts


def read_table(value: Any, problems: Problems, example: str) -> Mapping[str, Any]:
    """Return a table; an empty one if it is none. `example` is what to write instead."""
    if isinstance(value, dict):
        return value
    problems.refuse(value, f"is not a table; write {example}")
    return {}


def read_text(value: Any, problems: Problems) -> str:
    """Return a text."""
    if not isinstance(value, str):
        problems.refuse(value, "is not text; write it in quotes")
    return str(value)


def read_flag(value: Any, problems: Problems) -> bool:
    """Return yes or no."""
    if not isinstance(value, bool):
        problems.refuse(value, "is neither true nor false; write true or false, no quotes")
    return bool(value)


def read_names(value: Any, problems: Problems) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list):
        problems.refuse(value, 'is not a list; write ["..."]')
        return ()
    return tuple(read_text(item, problems.below(index)) for index, item in enumerate(value))


def read_choice(value: Any, problems: Problems, choices: tuple[str, ...]) -> str:
    """Return a text that is one of `choices`."""
    if value not in choices:
        problems.refuse(value, f"is not one of the choices; write {one_of(choices)}")
    return str(value)


def read_spans(value: Any, problems: Problems) -> str:
    """Return which calls get a span."""
    return read_choice(value, problems, ("always", "violations", "never"))


def read_seconds(value: object, problems: Problems, *, bare_numbers: bool) -> float | None:
    """Return a length of time in seconds; None if it cannot be read.

    Args:
        value: Text such as ``"1m"``, a number or a timedelta.
        problems: Where to note what is wrong.
        bare_numbers: Whether a number stands for seconds.
    """
    try:
        if isinstance(value, str):
            return parse_quantity(value, Unit.SECONDS)
        return as_number(Unit.SECONDS, value, bare_numbers=bare_numbers)
    except UnitError as error:
        is_known = not problems.hides_texts and _UNKNOWN_UNIT not in str(error)
        what = why_unreadable(value, Unit.SECONDS, problems.quoted(value))
        problems.add(str(error) if is_known else what, UnitError)
        return None


def read_share(value: object, problems: Problems, example: str) -> float | None:
    """Return a ratio; None if it cannot be read.

    Args:
        value: Text such as ``"99.9%"``, or a number.
        problems: Where to note what is wrong.
        example: What to write instead, such as ``99.9%``.
    """
    try:
        if isinstance(value, str):
            return parse_quantity(value, Unit.RATIO)
        return as_number(Unit.RATIO, value, bare_numbers=True)
    except UnitError:
        problems.refuse(value, f'is not a ratio; write one such as "{example}"', UnitError)
        return None


def read_count(value: object, problems: Problems) -> int | None:
    """Return a whole number; None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    problems.refuse(value, "is not a count; write a number such as 20")
    return None
