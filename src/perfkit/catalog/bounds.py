"""Parse a target or a threshold: a quantity with an optional comparator."""

from __future__ import annotations

import re
from datetime import timedelta
from numbers import Real
from typing import Final

from attrs import frozen

from perfkit.catalog.problems import Problems, quoted
from perfkit.errors import UnitError
from perfkit.model import Direction, Metric
from perfkit.units import EXAMPLES, Unit, format_quantity, parse_quantity

SCALING_WORDS: Final = {"constant": 0.0, "linear": 1.0, "quadratic": 2.0}
"""Words for scaling exponents, the growth of the cost with the size."""

COMPARATORS: Final = {
    "<=": Direction.AT_MOST,
    ">=": Direction.AT_LEAST,
    "<": Direction.AT_MOST,
    ">": Direction.AT_LEAST,
    "\N{LESS-THAN OR EQUAL TO}": Direction.AT_MOST,
    "\N{GREATER-THAN OR EQUAL TO}": Direction.AT_LEAST,
}
"""Comparators before a quantity, with the good side. A limit includes its own value."""


@frozen
class Bound:
    """A target or a threshold in the metric's base unit; without a comparator, no direction."""

    value: float
    direction: Direction | None


def read_bound(metric: Metric, value: object, problems: Problems) -> Bound | None:
    """Parse a target or a threshold; None if it is invalid, with the reason in `problems`."""
    try:
        line = _parse_line(metric, value, bare_numbers=problems.in_code)
    except UnitError as error:
        problems.add(str(error), UnitError)
        return None
    if metric in _AT_MOST_ONE and line.value > 1:
        much = format_quantity(line.value, Unit.RATIO)
        problems.add(f'{much} is more than all; write {metric} between "0%" and "100%"', UnitError)
        return None
    return line


def _parse_line(metric: Metric, value: object, *, bare_numbers: bool) -> Bound:
    if not isinstance(value, str):
        return Bound(as_number(metric.unit, value, bare_numbers=bare_numbers), None)
    match = _COMPARED.match(value)
    sign, text = (match[1], value[match.end() :]) if match else ("", value)
    word = text.strip().lower()
    if metric is Metric.SCALING_EXPONENT and word in SCALING_WORDS:
        return Bound(SCALING_WORDS[word], COMPARATORS.get(sign))
    try:
        return Bound(parse_quantity(text, metric.unit), COMPARATORS.get(sign))
    except UnitError as error:
        if metric is not Metric.SCALING_EXPONENT:
            raise
        words = ", ".join(f'"{each}"' for each in SCALING_WORDS)
        raise UnitError(f"{quoted(text)} is no exponent; write {words} or a number") from error


def as_number(unit: Unit, value: object, *, bare_numbers: bool) -> float:
    """Return a number or a timedelta in base units; raise `UnitError` for any other value."""
    if isinstance(value, timedelta) and unit is Unit.SECONDS:
        return value.total_seconds()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise UnitError(f"{quoted(value)} is not a quantity; write {EXAMPLES[unit]}")
    if not bare_numbers and unit not in _DIMENSIONLESS:
        raise UnitError(f"{quoted(value)} has no unit; write {EXAMPLES[unit]}")
    # A bool is an int in Python, and `true` in a file is probably a mistake: rejected above.
    try:
        return float(value)
    except OverflowError:
        raise UnitError("the number is too large; write a smaller one") from None


# The longest comparator first: "<" would also match the start of "<=".
_COMPARED: Final = re.compile(
    r"\s*(" + "|".join(sorted(COMPARATORS, key=len, reverse=True)) + r")\s*"
)
_DIMENSIONLESS: Final = {Unit.RATIO, Unit.COUNT}
_AT_MOST_ONE: Final = {Metric.HIT_RATIO, Metric.ERROR_RATIO}
