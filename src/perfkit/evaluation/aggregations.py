"""The statistics of a limit over a window: means, ratios and rates, and quantiles."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from attrs import define

from perfkit.evaluation.per_call import state_of
from perfkit.evaluation.sketch import Sketch, nearest_rank
from perfkit.evaluation.thresholds_ns import last_ns_within
from perfkit.model import Direction, Limit, Metric, State, Statistic

_COUNTED: Final = frozenset({Metric.HIT_RATIO, Metric.ERROR_RATIO, Metric.THROUGHPUT})
"""Metrics whose fractions count tries or calls, which are the samples."""

_QUANTILES: Final = {
    Statistic.P50: 0.5,
    Statistic.P90: 0.9,
    Statistic.P95: 0.95,
    Statistic.P99: 0.99,
    Statistic.MAX: 1.0,
}


# Sums of floats without rounding, so that a summand can be subtracted again exactly. Every finite
# float is an integer times 2**-1074, the smallest float. Sums are integers in units of that divided
# by 10**9, so that whole nanoseconds are integers too. Dividing one such integer by another rounds
# once, correctly.
_BITS: Final = 1074
_NANO: Final = 10**9
ONE: Final = _NANO << _BITS


def from_number(number: float) -> int:
    """Return `number`, which must be finite, as a whole number of units, of which `ONE` is 1.

    >>> tenth = from_number(0.1)
    >>> (tenth * 3 + from_number(1e30) - from_number(1e30)) / ONE
    0.30000000000000004
    """
    numerator, denominator = number.as_integer_ratio()
    return (numerator * _NANO) << (_BITS + 1 - denominator.bit_length())


@define(eq=False)
class RunningSums:
    """Sums over sub-windows; a sub-window that leaves the window is subtracted.

    Args:
        contended: How many samples include the cost of other code.
        meeting, holding: Numbers of samples on the good side of the target, and of the threshold.
        numerator, denominator: Exact sums, in the units of `from_number`.
    """

    samples: int = 0
    contended: int = 0
    meeting: int = 0
    holding: int = 0
    numerator: int = 0
    denominator: int = 0

    def subtract(self, bucket: RunningSums) -> None:
        """Subtract the sums of a sub-window."""
        self.samples -= bucket.samples
        self.contended -= bucket.contended
        self.meeting -= bucket.meeting
        self.holding -= bucket.holding
        self.numerator -= bucket.numerator
        self.denominator -= bucket.denominator


@define(eq=False)
class Bucket(RunningSums):
    """One sub-window.

    Args:
        doubt: The reason of the latest doubtful sample.
        gap: Why the latest reading without a value had none.
    """

    least: float = math.inf
    most: float = -math.inf
    sketch: Sketch | None = None
    doubt: str = ""
    gap: str = ""


class Mean:
    """A mean, ratio or rate: the sum of all numerators divided by that of all denominators.

    A sample without a fraction has its value as numerator, and the denominator 1. Like `Quantile`,
    it adds samples to a sub-window and to the sums over all sub-windows.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._is_counted = limit.metric in _COUNTED
        self._length = 0
        if limit.statistic is Statistic.RATE and limit.window is not None:
            self._length = from_number(limit.window)

    def add(
        self,
        bucket: Bucket,
        total: RunningSums,
        value: float,
        fraction: tuple[float, float] | None,
        count: int,
    ) -> None:
        """Add `count` samples of the same fraction, or else of the same value."""
        above, below = fraction or (value, 1.0)
        samples = round(below) * count if self._is_counted else count
        numerator, denominator = from_number(above) * count, from_number(below) * count
        _pool(bucket, samples, numerator, denominator)
        _pool(total, samples, numerator, denominator)

    def add_ordered(self, bucket: Bucket, total: RunningSums, ordered: Sequence[int]) -> None:
        """Add ascending nanoseconds, at least one."""
        size = len(ordered)
        numerator = sum(ordered) << _BITS
        _pool(bucket, size, numerator, size * ONE)
        _pool(total, size, numerator, size * ONE)

    def state(self, total: RunningSums) -> State:
        """Return the state; `no_data` where all denominators are zero."""
        value = self.value(total, ())
        return State.NO_DATA if value is None else state_of(self._limit, value)

    def value(self, total: RunningSums, buckets: Iterable[Bucket]) -> float | None:  # noqa: ARG002 - the sums suffice
        """Return the exact value, rounded once; None where all denominators are zero."""
        denominator = self._length or total.denominator
        return total.numerator / denominator if denominator else None


def _pool(sums: RunningSums, samples: int, numerator: int, denominator: int) -> None:
    sums.samples += samples
    sums.numerator += numerator
    sums.denominator += denominator


class Quantile:
    """A percentile or the maximum: the value at a rank among all, from the smallest.

    Its state follows from the number of values on the good side of each bound, so that nothing has
    to be sorted.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._quantile = _QUANTILES[limit.statistic]
        self._has_sketch = limit.statistic is not Statistic.MAX
        self._is_at_most = limit.direction is Direction.AT_MOST
        self._target_ns = self._bound_ns(limit.target)
        self._threshold_ns = self._bound_ns(limit.threshold)

    def _bound_ns(self, seconds: float) -> int:
        """Return the last nanosecond within an upper bound, or the one before a lower bound."""
        last = last_ns_within(seconds)
        return last if self._is_at_most or last / 1e9 < seconds else last - 1

    def add(
        self,
        bucket: Bucket,
        total: RunningSums,
        value: float,
        fraction: tuple[float, float] | None,  # noqa: ARG002 - ranks are of values
        count: int,
    ) -> None:
        """Add `count` samples of the same value."""
        meeting = count if self._limit.meets_target(value) else 0
        holding = count if self._limit.holds_threshold(value) else 0
        _rank(bucket, count, meeting, holding)
        _rank(total, count, meeting, holding)
        bucket.least, bucket.most = min(bucket.least, value), max(bucket.most, value)
        if self._has_sketch:
            bucket.sketch = bucket.sketch or Sketch()
            bucket.sketch.add(value, count)

    def add_ordered(self, bucket: Bucket, total: RunningSums, ordered: Sequence[int]) -> None:
        """Add ascending nanoseconds, at least one."""
        size = len(ordered)
        meeting = bisect_right(ordered, self._target_ns)
        holding = bisect_right(ordered, self._threshold_ns)
        if not self._is_at_most:
            meeting, holding = size - meeting, size - holding
        _rank(bucket, size, meeting, holding)
        _rank(total, size, meeting, holding)
        bucket.least = min(bucket.least, ordered[0] / 1e9)
        bucket.most = max(bucket.most, ordered[-1] / 1e9)
        if self._has_sketch:
            bucket.sketch = bucket.sketch or Sketch()
            bucket.sketch.add_ordered(ordered, 1e-9)

    def state(self, total: RunningSums) -> State:
        """Return the exact state of the value at the rank."""
        # The value is at most a bound if `needed` values are, counted from the smallest; it is at
        # least a bound if all values from the rank upwards are.
        needed = nearest_rank(self._quantile, total.samples)
        if not self._is_at_most:
            needed = total.samples - needed + 1
        if total.holding < needed:
            return State.VIOLATED
        return State.MET if total.meeting >= needed else State.DEGRADED

    def value(self, total: RunningSums, buckets: Iterable[Bucket]) -> float | None:
        """Return the exact maximum, or a value within 1 % of the percentile."""
        filled = [bucket for bucket in buckets if bucket.samples]
        most = max(bucket.most for bucket in filled)
        if not self._has_sketch:
            return most
        whole = Sketch()
        for bucket in filled:
            if bucket.sketch is not None:
                whole.merge(bucket.sketch)
        value = whole.quantile(self._quantile) or 0.0
        value = min(max(value, min(bucket.least for bucket in filled)), most)
        # The sketch is off by up to 1 %, the state is exact: a value on the wrong side of a bound
        # would contradict the verdict that it is reported with.
        low, high = _range_of(self._limit, self.state(total))
        return min(max(value, low), high)


def _rank(sums: RunningSums, samples: int, meeting: int, holding: int) -> None:
    sums.samples += samples
    sums.meeting += meeting
    sums.holding += holding


Aggregation: TypeAlias = Mean | Quantile


def _range_of(limit: Limit, state: State) -> tuple[float, float]:
    """Return the least and the greatest value in `state`."""
    worst = math.inf if limit.direction is Direction.AT_MOST else -math.inf
    first, last = {
        State.MET: (-worst, limit.target),
        State.DEGRADED: (math.nextafter(limit.target, worst), limit.threshold),
        State.VIOLATED: (math.nextafter(limit.threshold, worst), worst),
    }[state]
    return min(first, last), max(first, last)
