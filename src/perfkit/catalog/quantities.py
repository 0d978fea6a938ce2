"""Explain why a value cannot be parsed as a quantity, without quoting a secret."""

from __future__ import annotations

import re
from typing import Any, Final

from perfkit.errors import UnitError
from perfkit.units import EXAMPLES, Unit, read_quantity


def why_unreadable(value: Any, unit: Unit, subject: str) -> str:
    """Return the reason why `subject`, with this value, is not a quantity, and a remedy."""
    # Nothing of `value` is quoted but a plain number, because a text may be a secret. The caller
    # decides by `subject` whether the text may be in the message.
    if isinstance(value, str):
        return f"{subject} {_why_no_text(value, unit)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{subject} has no unit; write {_with_unit(value, unit)}"
    return f"{subject} is not a quantity; write {EXAMPLES[unit]}"


def _why_no_text(text: str, unit: Unit) -> str:
    number = _NUMBER.match(text)
    written = text[number.end() :].strip() if number else ""
    found = _unit_of(text)
    if found is Unit.COUNT and not written:
        return f"has no unit; write {EXAMPLES[unit]}"
    if found is not None:
        return f"is not {_NAMES[unit]}; write {EXAMPLES[unit]}"
    if not written or not _WORD.match(written):
        return f"is not a quantity; write {EXAMPLES[unit]}"
    if _unit_of(f"1 {written}") is not None:
        return f"has a number that cannot be read; write {EXAMPLES[unit]}"
    return f"has an unknown unit; write one of {UNITS[unit]}"


def _unit_of(text: str) -> Unit | None:
    try:
        return read_quantity(text)[1]
    except UnitError:
        return None


def _with_unit(number: float, unit: Unit) -> str:
    """Return a number with the base unit as TOML text, or an example if it is out of range."""
    is_usable = 0 < number < _LARGEST and unit in _BASES
    return f'"{number}{_BASES[unit]}"' if is_usable else EXAMPLES[unit]


UNITS: Final = {
    Unit.SECONDS: "ns, us, ms, s, min, h, d",
    Unit.BYTES: "B, kB, MB, GB, KiB, MiB, GiB",
    Unit.PER_SECOND: "/s, /min, /h",
}
"""The accepted spellings of units, for messages."""
_NAMES: Final = {
    Unit.SECONDS: "a duration",
    Unit.BYTES: "a size",
    Unit.PER_SECOND: "a rate",
}
_LARGEST: Final = 1e15
_BASES: Final = {Unit.SECONDS: "s", Unit.BYTES: "B", Unit.PER_SECOND: "/s"}
_NUMBER: Final = re.compile(r"\s*[+-]?[\d.][\d_,.]*(?:[eE][+-]?\d+)?", re.ASCII)
_WORD: Final = re.compile(r"[^\W\d_]|[%/]")
