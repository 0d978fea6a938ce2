"""Sums of floats without rounding, so that a summand can be subtracted again exactly.

Every finite float is an integer times 2**-1074, the smallest float. Sums are integers in units of
that divided by 10**9, so that whole nanoseconds are integers too. Dividing one such integer by
another rounds once, correctly.
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
