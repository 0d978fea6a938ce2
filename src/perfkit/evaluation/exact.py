"""Sums of floats without rounding, so that what is added can be taken away again exactly.

Every finite float is a whole number of 2**-1074, the smallest one. Sums are kept as integers of
that, divided by 10**9 once more so that whole nanoseconds have their place among seconds. Dividing
one such integer by another rounds once, correctly.
"""

from __future__ import annotations

from typing import Final

_BITS: Final = 1074
_NANO: Final = 10**9

ONE: Final = _NANO << _BITS
"""The number 1."""


def from_number(number: float) -> int:
    """Return `number`, which must be finite, as a whole number of units.

    >>> tenth = from_number(0.1)
    >>> (tenth * 3 + from_number(1e30) - from_number(1e30)) / ONE
    0.30000000000000004
    """
    numerator, denominator = number.as_integer_ratio()
    return (numerator * _NANO) << (_BITS + 1 - denominator.bit_length())


def from_nanoseconds(nanoseconds: int) -> int:
    """Return so many nanoseconds in units, of which `ONE` is a second."""
    return nanoseconds << _BITS
