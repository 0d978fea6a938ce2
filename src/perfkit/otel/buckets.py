"""Compute histogram bucket bounds that include every target and threshold of a budget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from perfkit.model import Metric
from perfkit.units import Unit

_SECONDS: Final = tuple(
    float(f"{digit}e{power}") for power in range(-4, 2) for digit in ("1", "2.5", "5")
)
_BYTES: Final = tuple(float(10**power) for power in range(3, 11))


def bounds_for(metric: Metric, lines: Iterable[float]) -> list[float]:
    """Return ascending bucket bounds in the metric's base unit: round values and all `lines`.

    OpenTelemetry counts a value equal to a bound into the bucket below it, and a value equal to a
    threshold meets that threshold. The buckets up to a threshold count exactly the calls within it.

    Args:
        metric: A metric in seconds or in bytes.
        lines: Targets and thresholds. Zero is omitted, because no value is below it.
    """
    round_ones = _SECONDS if metric.unit is Unit.SECONDS else _BYTES
    return sorted({*round_ones, *(line for line in lines if line > 0)})
