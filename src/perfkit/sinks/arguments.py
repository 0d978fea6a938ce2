"""Check arguments of sinks and layers that are made in code, without a catalog."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
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
        f"{name} is {kind}; write {right(value)}"
        for given, method, kind, right in (
            (seconds, "__float__", "seconds in code", _right_seconds),
            (rates, "__float__", "a number of violations a second in code", _right_rate),
            (counts, "__index__", "a whole number", _right_count),
        )
        for name, value in (given or {}).items()
        # By the method: a number may be of another library.
        if isinstance(value, bool) or not hasattr(type(value), method)
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _right_seconds(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds()}"
    meant = _quantity_in(value, Unit.SECONDS, Unit.COUNT)
    return "a number, such as 300.0" if meant is None else f"{meant}"


def _right_rate(value: object) -> str:
    meant = _quantity_in(value, Unit.PER_SECOND)
    return "one, such as 0.1" if meant is None else f"{meant:.3g}"


def _right_count(value: object) -> str:
    meant = _quantity_in(value, Unit.COUNT)
    return f"{meant:.0f}" if meant is not None and meant.is_integer() else "one, such as 20"


def _quantity_in(value: object, *units: Unit) -> float | None:
    """Return the quantity that was meant, in the first unit that fits; None if that is unclear."""
    for unit in units if isinstance(value, str) else ():
        with suppress(UnitError):
            return parse_quantity(str(value), unit)
    return value if isinstance(value, float) else None
