"""Check the numbers of a layer at construction, before they fail in a delivery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from perfkit.errors import ConfigurationError, UnitError
from perfkit.units import Unit, parse_quantity


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
