"""Tables of fields: one row defines the parser, writer, default and documentation of a key."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from numbers import Real
from typing import Any, Final, TypeAlias

from attrs import Factory, frozen

from perfkit.catalog.problems import Problems
from perfkit.errors import UnitError
from perfkit.model.budget import one_of
from perfkit.units import EXAMPLES, Unit, parse_quantity, write_quantity

Reader: TypeAlias = Callable[[Any, Problems], Any]
"""Parses one value; reports an invalid one to the problems, at their path."""

OFF: Final = "off"
"""The text that disables a field with a default; parsed as 0."""


@frozen
class Field:
    """One key of a table.

    Args:
        name: The key.
        read: Parses its value from a file or from code.
        doc: Its description in the documentation.
        default: The value of a missing key; None for no default.
        by_type: Other defaults, by the type of the sink.
        under_pytest: Another default under pytest; None for the same one.
        write: Converts the value to plain TOML data; by default as its reader requires.
        required: Whether the key must be present.
    """

    name: str
    read: Reader
    doc: str = ""
    default: Any = None
    by_type: Mapping[str, Any] = Factory(dict)
    under_pytest: Any = None
    write: Callable[[Any], Any] = Factory(
        lambda self: _WRITERS.get(self.read, _write_plain), takes_self=True
    )
    required: bool = False


def field_table(*fields: Field) -> Mapping[str, Field]:
    """Return fields by name, in the order of the documentation."""
    return {each.name: each for each in fields}


def read_keys(
    table: Mapping[str, Any], fields: Mapping[str, Field], problems: Problems
) -> dict[str, Any]:
    """Report unknown keys, then parse each other key with the parser of its field."""
    for key in table:
        if key not in fields:
            problems.add_unknown(key, fields)
    return {
        key: fields[key].read(value, problems.below(key))
        for key, value in table.items()
        if key in fields
    }


def write_keys(values: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """Return plain TOML data for the values that are not None, in the order of `fields`."""
    return {
        each.name: each.write(values[each.name])
        for each in fields
        if values.get(each.name) is not None
    }


# -- readers


def read_table(value: Any, problems: Problems, example: str) -> Mapping[str, Any]:
    """Return a table; report other values, with `example` as the remedy, and return ``{}``."""
    if isinstance(value, dict):
        return value
    problems.refuse(value, f"is not a table; write {example}")
    return {}


def read_text(value: Any, problems: Problems) -> str:
    """Return a text; report any other value."""
    # The same object, not a copy: a subclass of str may record which parts of it are secret.
    if isinstance(value, str):
        return value
    problems.refuse(value, "is not text; write it in quotes")
    return str(value)


def read_flag(value: Any, problems: Problems) -> bool:
    """Return a bool; report any other value."""
    if not isinstance(value, bool):
        problems.refuse(value, "is neither true nor false; write true or false, no quotes")
    return bool(value)


def read_names(value: Any, problems: Problems) -> tuple[str, ...]:
    """Return a list of texts as a tuple; report any other value."""
    if not isinstance(value, list):
        problems.refuse(value, 'is not a list; write ["..."]')
        return ()
    return tuple(read_text(item, problems.below(index)) for index, item in enumerate(value))


def choice(*choices: str) -> Reader:
    """Return a parser that accepts only the texts in `choices`, and returns the one of them."""

    def read(value: Any, problems: Problems) -> str | None:
        if value in choices:
            return choices[choices.index(value)]
        problems.refuse(value, f"is not one of the choices; write {one_of(choices)}")
        return None

    return read


read_spans: Final = choice("always", "violations", "never")


def to_base_unit(value: object, unit: Unit, problems: Problems) -> float:
    """Return a text, a number or a timedelta in base units; raise `UnitError` for other values."""
    if isinstance(value, str):
        return parse_quantity(value, unit, problems.quoted(value) if problems.hides_texts else "")
    if isinstance(value, timedelta) and unit is Unit.SECONDS:
        return value.total_seconds()
    # A bool is an int in Python, and `true` in a file is probably a mistake.
    if not isinstance(value, Real) or isinstance(value, bool):
        raise UnitError(f"{problems.quoted(value)} is not a quantity; write {EXAMPLES[unit]}")
    if not problems.in_code and unit not in {Unit.RATIO, Unit.COUNT}:
        raise UnitError(f"{problems.quoted(value)} has no unit; write {EXAMPLES[unit]}")
    try:
        return float(value)
    except OverflowError:
        raise UnitError("the number is too large; write a smaller one") from None


def _read_quantity(value: object, unit: Unit, problems: Problems) -> float | None:
    try:
        return to_base_unit(value, unit, problems)
    except UnitError as error:
        problems.add(str(error), UnitError)
        return None


def read_duration(value: object, problems: Problems) -> float | None:
    """Return a duration in seconds; None if it cannot be parsed. Numbers are valid in code only."""
    return _read_quantity(value, Unit.SECONDS, problems)


def read_seconds(
    value: Any, problems: Problems, *, or_zero: bool = False, or_off: str = ""
) -> float | None:
    """Return a finite duration above zero, or also zero, in seconds; None if it is invalid."""
    seconds = read_duration(value, problems)
    if seconds is None or 0 < seconds < math.inf or (or_zero and seconds == 0):
        return seconds
    least = "of zero or more" if or_zero else "above zero"
    problems.refuse(value, f'is not a time {least}; write one, such as "5m"{or_off}')
    return None


read_seconds_or_zero: Final = partial(read_seconds, or_zero=True)


def read_seconds_or_off(value: Any, problems: Problems) -> float | None:
    """Return a finite duration above zero in seconds, or 0 for ``"off"``."""
    return 0.0 if _is_off(value) else read_seconds(value, problems, or_off=_OR_OFF)


def read_size(value: Any, problems: Problems) -> int | None:
    """Return a size of at least 1 byte, in bytes; None if it is invalid."""
    size = _read_quantity(value, Unit.BYTES, problems)
    if size is not None and not 1 <= size < math.inf:
        problems.refuse(value, 'is not a size above zero; write one, such as "50MB"')
        return None
    return None if size is None else int(size)


def read_rate_or_off(value: Any, problems: Problems) -> float | None:
    """Return a rate per second, or 0 for ``"off"``; None if it is invalid."""
    if _is_off(value):
        return 0.0
    rate = _read_quantity(value, Unit.PER_SECOND, problems)
    if rate is not None and not 0 < rate < math.inf:
        problems.refuse(value, f'is not a rate above zero; write one, such as "10/min"{_OR_OFF}')
        return None
    return rate


def read_share(value: object, problems: Problems, example: str) -> float | None:
    """Return a ratio; report other values, with `example` as a valid one, and return None."""
    try:
        return to_base_unit(value, Unit.RATIO, problems)
    except UnitError:
        problems.refuse(value, f'is not a ratio; write one such as "{example}"', UnitError)
        return None


def read_whole(value: object, problems: Problems) -> int | None:
    """Return an integer; report any other value and return None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    problems.refuse(value, "is not a whole number; write one, without quotes")
    return None


def read_count(value: Any, problems: Problems, *, or_off: str = "") -> int | None:
    """Return an integer of at least 1; None if it is invalid."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        problems.refuse(value, f"is not a whole number of at least 1; write one{or_off}")
        return None
    return value


def read_count_or_off(value: Any, problems: Problems) -> int | None:
    """Return an integer of at least 1, or 0 for ``"off"``; None if it is invalid."""
    return 0 if _is_off(value) else read_count(value, problems, or_off=_OR_OFF)


def _is_off(value: Any) -> bool:
    # `false` is accepted too. The test is on identity because ``0 == False`` in Python.
    return value is False or value == OFF


_OR_OFF: Final = f', or "{OFF}"'


# -- writers


def _write_seconds(value: float) -> str:
    return write_quantity(value, Unit.SECONDS)


def write_share(value: float) -> str:
    """Return a ratio as text in percent."""
    return "100%" if value == 1 else write_quantity(value, Unit.RATIO)


def _write_plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_WRITERS: Final[Mapping[Reader, Callable[[Any], Any]]] = {
    read_duration: _write_seconds,
    read_seconds: _write_seconds,
    read_seconds_or_zero: _write_seconds,
    read_seconds_or_off: lambda value: _write_seconds(value) if value else OFF,
    read_rate_or_off: lambda value: write_quantity(value, Unit.PER_SECOND) if value else OFF,
    read_count_or_off: lambda value: value or OFF,
}
"""The writer of each parser whose values have another form in a file."""
