"""Histogram bounds on which a budget's own lines are always exact."""

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
    """Return bucket bounds in the metric's base unit: round ones, with every line among them.

    A value equal to a bound counts into the bucket below it, as a value equal to a threshold meets
    it. So the buckets up to a threshold count exactly the calls within it.

    Args:
        metric: A metric in seconds or in bytes.
        lines: Targets and thresholds. Zero is left out: no bucket could lie below it.
    """
    round_ones = _SECONDS if metric.unit is Unit.SECONDS else _BYTES
    return sorted({*round_ones, *(line for line in lines if line > 0)})
