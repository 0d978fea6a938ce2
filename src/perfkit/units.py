"""Parse quantities such as ``"100ms"``, ``"50MB"`` or ``"10MB/min"``, and format them.

Base units follow UCUM: seconds (``s``), bytes (``By``), one (``1``), and those per second.
``MB`` is 10**6 bytes and ``MiB`` is 2**20 bytes. ``m`` after a number is minutes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final, TypeAlias

from perfkit.errors import UnitError


class Unit(StrEnum):
    """The base units of all values, by their UCUM symbols."""

    SECONDS = "s"
    BYTES = "By"
    BYTES_PER_SECOND = "By/s"
    PER_SECOND = "1/s"
    RATIO = "1"
    COUNT = "{count}"


def parse_quantity(text: str, unit: Unit, subject: str = "") -> float:
    """Parse a quantity; return it in base units.

    Args:
        text: A number with a unit, such as ``"100ms"``. Ratios and counts need no unit.
        unit: The base unit of the result.
        subject: Stands for the text in messages, where it may be a secret; empty to quote it.

    Raises:
        UnitError: If the number is missing, or the unit is unknown or of another kind.

    >>> parse_quantity("100ms", Unit.SECONDS)
    0.1
    >>> parse_quantity("64MiB", Unit.BYTES)
    67108864.0
    """
    subject = subject or _quoted(text)
    value, found, is_bare = _read(text, unit, subject)
    if found is unit or (unit is Unit.RATIO and is_bare):
        return value
    problem = "has no unit" if is_bare else f"is not {_NAMES[unit]}"
    raise UnitError(f"{subject} {problem}; write {EXAMPLES[unit]}")


def read_quantity(text: str) -> tuple[float, Unit]:
    """Parse a quantity of any kind; return its value in base units, and that unit.

    A bare number is a count. The value is the float closest to the exact decimal in the text.

    Raises:
        UnitError: If the number is missing or the unit is unknown.

    >>> read_quantity("85%")
    (0.85, <Unit.RATIO: '1'>)
    """
    return _read(text, None, _quoted(text))[:2]


def _read(text: str, unit: Unit | None, subject: str) -> tuple[float, Unit, bool]:
    """Return a value, its base unit, and whether it was written without a unit."""
    match = _quantity().fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise UnitError(f"{subject} is not a quantity; write {EXAMPLES[unit]}")
    # `float(number) * scale` would round twice: 0.1 ms would not be the float 0.0001.
    from fractions import Fraction  # noqa: PLC0415 - only for quantities in text

    (times, over), found = _scale_of(match["unit"] or "", unit, subject)
    number = Fraction(match["number"].replace(",", "").replace("_", ""))
    try:
        return float(number * times / over), found, not match["unit"]
    except OverflowError:
        raise UnitError(f"{subject} is too large; write a smaller quantity") from None


def _quoted(text: str) -> str:
    return f'"{text.strip()[:_LONGEST]}"'


def format_quantity(value: float, unit: Unit, *, digits: int = 3) -> str:
    """Format a value in base units for people, rounded to `digits` significant digits.

    >>> format_quantity(0.1234, Unit.SECONDS)
    '123 ms'
    >>> format_quantity(float("inf"), Unit.RATIO)
    'infinite'
    """
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if unit is Unit.RATIO:
        return f"{_rounded(value * 100, digits)}%"
    if unit is Unit.COUNT:
        return _rounded(value, digits)
    if unit is Unit.PER_SECOND:
        return f"{_rounded(value, digits)}/s"
    suffix = "/s" if unit is Unit.BYTES_PER_SECOND else ""
    steps = _TIME_STEPS if unit is Unit.SECONDS else _SIZE_STEPS
    size, symbol = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    return f"{_rounded(value / size, digits)} {symbol}{suffix}"


def write_quantity(value: float, unit: Unit) -> str:
    """Format a value so that `parse_quantity` returns exactly the same number.

    >>> write_quantity(7 * 86_400, Unit.SECONDS)
    '7d'
    >>> write_quantity(10e6 / 60, Unit.BYTES_PER_SECOND)
    '10MB/min'
    """
    best = None
    for symbol in _EXACT_SYMBOLS[unit]:
        times, over = _scale_of(symbol, unit, symbol)[0]
        # Twelve digits hide the rounding of the division; a value that needs more fails the
        # comparison below and is written in the base unit.
        text = f"{float(value) * over / times:.12g}"
        is_plain = text.replace(".", "").isdigit()
        is_usual = is_plain and (float(text) >= 1 or symbol == "%")
        is_usual = is_usual and (symbol != "d" or text.isdigit())  # 1.5d is unusual
        if is_usual and read_quantity(text + symbol)[0] == value:
            best = min(best or (text, symbol), (text, symbol), key=lambda pair: len(pair[0]))
    return "".join(best or (repr(float(value)).removesuffix(".0"), _EXACT_SYMBOLS[unit][-1]))


def _scale_of(written: str, unit: Unit | None, subject: str) -> tuple[_Scale, Unit]:
    """Return multiplier, divisor and base unit."""
    numerator, slash, denominator = _AS_RATE.get(written.lower(), written).partition("/")
    if not slash:
        numerator, slash, denominator = written.partition(" per ")
    scale, found = _simple_scale(numerator.strip(), unit, subject)
    if not slash:
        return scale, found
    seconds, per = _simple_scale(denominator.strip(), unit, subject)
    if per is not Unit.SECONDS or found not in _RATES:
        raise UnitError(f'{subject} is not a rate; write "50 req/sec" or "10MB/min"')
    return (scale[0] * seconds[1], scale[1] * seconds[0]), _RATES[found]


def _simple_scale(written: str, unit: Unit | None, subject: str) -> tuple[_Scale, Unit]:
    if written == "%":
        return (1, 100), Unit.RATIO
    # Units ignore case, but "Mb" is often megabits, and "M" alone may be mega or minutes.
    if re.fullmatch("[MGT]i?b", written):
        better = written.replace("b", "B")
        raise UnitError(f"{subject}: {written} can mean bits; write {better} for bytes")
    word = written.lower()
    if word in _TIME and written != "M":
        return _TIME[word], Unit.SECONDS
    if word in _SIZE:
        return _SIZE[word], Unit.BYTES
    if word in _COUNTED:
        return (1, 1), Unit.COUNT
    choices = _UNITS.get(unit, "ns, us, ms, s, min, h, B, kB, MB, GB, KiB, MiB, GiB, %, /s")
    raise UnitError(f"{subject} has an unknown unit; write one of {choices}")


# Compiled at the first use: that costs 0.5 ms, which an import of perfkit should not.
@cache
def _quantity() -> re.Pattern[str]:
    return re.compile(
        r"""\s*(?P<number>[+-]?(?:\d[\d_]*(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)
            \s*(?P<unit>[^\d\s.,+-][^\d.,+-]*?)?\s*""",
        re.VERBOSE | re.ASCII,
    )


def _rounded(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


_Scale: TypeAlias = tuple[int, int]
_LONGEST: Final = 100
EXAMPLES: Final[Mapping[Unit | None, str]] = {
    None: 'a number and a unit, such as "100ms", "50MB" or "85%"',
    Unit.SECONDS: '"100ms", "1.5s" or "2min"',
    Unit.BYTES: '"50MB" or "64MiB"',
    Unit.BYTES_PER_SECOND: '"10MB/min" or "5MiB/s"',
    Unit.PER_SECOND: '"50 req/sec" or "100/s"',
    Unit.RATIO: '"85%" or 0.85',
    Unit.COUNT: '"10 concurrent" or 10',
}
"""Examples of each unit, for messages; with the key None of all."""

_NAMES: Final = {
    Unit.SECONDS: "a duration",
    Unit.BYTES: "a size in bytes",
    Unit.BYTES_PER_SECOND: "a number of bytes per time",
    Unit.PER_SECOND: "a rate",
    Unit.RATIO: "a ratio",
    Unit.COUNT: "a plain number",
}
_UNITS: Final[Mapping[Unit | None, str]] = {
    Unit.SECONDS: "ns, us, ms, s, min, h, d",
    Unit.BYTES: "B, kB, MB, GB, KiB, MiB, GiB",
    Unit.PER_SECOND: "/s, /min, /h",
}
_RATES: Final = {Unit.BYTES: Unit.BYTES_PER_SECOND, Unit.COUNT: Unit.PER_SECOND}
_AS_RATE: Final = {"rps": "/s", "tps": "/s", "qps": "/s", "hz": "/s"}
_TIME: Final = {
    name: scale
    for scale, names in (
        ((1, 10**9), "ns nanosecond nanoseconds"),
        ((1, 10**6), "us \u00b5s \u03bcs usec microsecond microseconds"),
        ((1, 1000), "ms msec msecs millisecond milliseconds"),
        ((1, 1), "s sec secs second seconds"),
        ((60, 1), "m min mins minute minutes"),
        ((3600, 1), "h hr hrs hour hours"),
        ((86400, 1), "d day days"),
    )
    for name in names.split()
}
_SIZE: Final = {
    name: (scale, 1)
    for scale, names in (
        (1, "b by byte bytes"),
        (10**3, "kb"),
        (10**6, "mb"),
        (10**9, "gb"),
        (10**12, "tb"),
        (2**10, "kib"),
        (2**20, "mib"),
        (2**30, "gib"),
        (2**40, "tib"),
    )
    for name in names.split()
}
_COUNTED_WORDS: Final = (
    "call connection operation op req request session stream transaction user"  # each also plural
)
_COUNTED: Final = {"", "concurrent"} | {
    word + plural for word in _COUNTED_WORDS.split() for plural in ("", "s")
}
_TIME_SYMBOLS: Final = ("d", "h", "min", "s", "ms", "\u00b5s", "ns")
_TIME_STEPS: Final = tuple((_TIME[each][0] / _TIME[each][1], each) for each in _TIME_SYMBOLS)
_SIZE_STEPS: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_EXACT_SYMBOLS: Final = {
    Unit.SECONDS: ("d", "h", "min", "s", "ms", "us", "ns", "s"),
    Unit.BYTES: ("GB", "GiB", "MB", "MiB", "kB", "KiB", "B"),
    Unit.BYTES_PER_SECOND: ("MB/s", "MB/min", "MiB/s", "kB/s", "B/s"),
    Unit.PER_SECOND: ("/s", "/min", "/h", "/s"),
    Unit.RATIO: ("%", ""),
    Unit.COUNT: ("",),
}
