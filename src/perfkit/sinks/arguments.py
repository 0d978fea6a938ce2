"""Check arguments of sinks and layers that are made in code, without a catalog."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Final

from perfkit.errors import ConfigurationError, UnitError
from perfkit.units import Unit, parse_quantity

_LONGEST: Final = 60


def checked_count(name: str, value: object, example: str) -> int:
    """Return `value` if it is a whole number of at least 1; else raise `ConfigurationError`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(
            f"{name} is {_shown(value)}; it has to be a whole number of at least 1: write {example}"
        )
    return value


def checked_seconds(name: str, value: object) -> float:
    """Return `value` if it is seconds above 0; else raise `ConfigurationError`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        raise ConfigurationError(
            f"{name} is {_shown(value)}; it is a number of seconds above 0 in code: write 10.0"
        )
    return float(value)


def checked_path(name: str, value: object, example: str) -> Path:
    """Return `value`, text or a path, as a path; else raise `ConfigurationError`."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigurationError(f"{name} is {_shown(value)}; write a path such as {example!r}")
    return Path(text)


def checked_flag(name: str, value: object) -> bool:
    """Return `value` if it is True or False, and not a true text such as ``"no"``; else raise."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {_shown(value)}; write True or False")
    return value


def _shown(value: object) -> str:
    """Return a value as one short line of ASCII."""
    text = ascii(value)
    return text if len(text) <= _LONGEST else type(value).__name__


def check_figures(
    *,
    seconds: Mapping[str, object] | None = None,
    counts: Mapping[str, object] | None = None,
    rates: Mapping[str, object] | None = None,
) -> None:
    """Check that arguments are numbers, and not texts such as ``"5m"``, which a catalog has.

    Args:
        seconds: Times by the name of their argument.
        counts: Whole numbers likewise.
        rates: Numbers of violations a second likewise.

    Raises:
        ConfigurationError: Lists each argument that is not such a number, with a remedy.
    """
    problems = [
        *_wrong_times(seconds or {}),
        *_wrong_rates(rates or {}),
        *_wrong_counts(counts or {}),
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _wrong_times(given: Mapping[str, object]) -> Iterator[str]:
    for name, value in given.items():
        if not _is_number(value):
            meant = _seconds_in(value)
            remedy = "a number, such as 300.0" if meant is None else repr(meant)
            yield f"{name} is seconds in code; write {remedy}"


def _wrong_rates(given: Mapping[str, object]) -> Iterator[str]:
    for name, value in given.items():
        if not _is_number(value):
            meant = _quantity_in(value, Unit.PER_SECOND)
            remedy = "one, such as 0.1" if meant is None else f"{meant:.3g}"
            yield f"{name} is a number of violations a second in code; write {remedy}"


def _wrong_counts(given: Mapping[str, object]) -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, bool) or not hasattr(type(value), "__index__"):
            meant = _quantity_in(value, Unit.COUNT)
            is_whole = meant is not None and meant.is_integer()
            remedy = f"{meant:.0f}" if is_whole else "one, such as 20"
            yield f"{name} is a whole number; write {remedy}"


def _is_number(value: object) -> bool:
    """Return whether `value` is a number, perhaps of another library."""
    return hasattr(type(value), "__float__") and not isinstance(value, bool)


def _seconds_in(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    seconds = _quantity_in(value, Unit.SECONDS)
    return _quantity_in(value, Unit.COUNT) if seconds is None else seconds


def _quantity_in(value: object, unit: Unit) -> float | None:
    """Return the quantity that was meant; None if that is unclear."""
    try:
        if isinstance(value, str):
            return parse_quantity(value, unit)
    except UnitError:
        return None
    return value if isinstance(value, float) else None
