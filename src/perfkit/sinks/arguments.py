"""Check arguments of sinks that are made in code, without the checks of a catalog."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path
from typing import Final

from perfkit.errors import ConfigurationError

_LONGEST: Final = 60


def checked_count(name: str, value: object, example: str) -> int:
    """Return `value`, a whole number of at least 1.

    Args:
        name: Of the argument.
        value: Of the argument.
        example: A valid value for the message, such as ``"100 for the newest 100 files"``.

    Raises:
        ConfigurationError: If it is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(
            f"{name} is {_shown(value)}; it has to be a whole number of at least 1: write {example}"
        )
    return value


def checked_seconds(name: str, value: object) -> float:
    """Return `value`, a number of seconds above 0.

    Raises:
        ConfigurationError: If it is something else.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        raise ConfigurationError(
            f"{name} is {_shown(value)}; it is a number of seconds above 0 in code: write 10.0"
        )
    return float(value)


def checked_path(name: str, value: object, example: str) -> Path:
    """Return `value`, text or a path, as a path.

    Raises:
        ConfigurationError: If it is something else, or empty.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigurationError(f"{name} is {_shown(value)}; write a path such as {example!r}")
    return Path(text)


def checked_flag(name: str, value: object) -> bool:
    """Return `value`, True or False.

    Raises:
        ConfigurationError: If it is something else, such as ``"no"``, which would count as true.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {_shown(value)}; write True or False")
    return value


def _shown(value: object) -> str:
    """Return a value as one short line of ASCII."""
    text = ascii(value)
    return text if len(text) <= _LONGEST else type(value).__name__
