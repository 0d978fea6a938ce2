"""Parse a target or a threshold: a quantity with an optional comparator."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from perfkit.catalog.fields import to_base_unit
from perfkit.catalog.problems import Problems, quoted
from perfkit.errors import UnitError
from perfkit.model import Direction, Metric
from perfkit.units import Unit, format_quantity, parse_quantity

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
    match = _COMPARED.match(value) if isinstance(value, str) else None
    sign, rest = (match[1], match[2]) if match else ("", value)
    try:
        line = _line_of(metric, rest, problems)
    except UnitError as error:
        problems.add(str(error), UnitError)
        return None
    if metric in _AT_MOST_ONE and line > 1:
        much = format_quantity(line, Unit.RATIO)
        problems.add(f'{much} is more than all; write {metric} between "0%" and "100%"', UnitError)
        return None
    return Bound(line, COMPARATORS.get(sign))


def _line_of(metric: Metric, value: object, problems: Problems) -> float:
    if metric is not Metric.SCALING_EXPONENT or not isinstance(value, str):
        return to_base_unit(value, metric.unit, problems)
    word = value.strip().lower()
    try:
        return SCALING_WORDS[word] if word in SCALING_WORDS else parse_quantity(word, metric.unit)
    except UnitError as error:
        words = ", ".join(f'"{each}"' for each in SCALING_WORDS)
        raise UnitError(f"{quoted(value)} is no exponent; write {words} or a number") from error


# The longest comparator first: "<" would also match the start of "<=".
_COMPARED: Final = re.compile(
    r"\s*(" + "|".join(sorted(COMPARATORS, key=len, reverse=True)) + r")\s*(.*)", re.DOTALL
)
_AT_MOST_ONE: Final = {Metric.HIT_RATIO, Metric.ERROR_RATIO}
