"""One limit over a sliding window: its state exactly and cheaply, its value when asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from perfkit.evaluation.aggregations import Aggregation, Bucket, Mean, Quantile, RunningSums
from perfkit.evaluation.per_call import NOT_MEASURED, state_of
from perfkit.evaluation.sliding_window import SlidingWindow
from perfkit.model import Budget, Direction, Limit, Metric, Reading, State, Statistic, Verdict
from perfkit.units import Unit, format_quantity

_POOLED: Final = frozenset({Statistic.MEAN, Statistic.RATE, Statistic.RATIO})


class LimitWindow:
    """One limit over a sliding window. Not safe from several threads; its owner locks.

    The window covers between 59/60 of its length and all of it, as it drops whole sub-windows. A
    rate is the sum by the window's length: of calls that are counted once in each sub-window it is
    right, of calls that are added as they happen it may be up to 1/60 low.

    The state is exact, from counts and sums of integers. So are maxima, means, rates and ratios, to
    the last bit of a float. A percentile's value is within 1 % of the true one, and never on
    another side of a line than that. A limit on `each` value is judged by the latest one.

    All times are monotonic nanoseconds. One earlier than the latest seen counts as the latest.

    Args:
        limit: What is judged.
        began_ns: Since when samples are counted.
    """

    def __init__(self, limit: Limit, began_ns: int) -> None:
        self.limit = limit
        self._is_latest = limit.statistic is Statistic.EACH
        self._has_to_fill = (
            limit.statistic is Statistic.RATE and limit.direction is Direction.AT_LEAST
        )
        self._latest = Reading(value=None)
        self._total = RunningSums()
        self._figure: Aggregation = _figure_of(limit)
        self._ring: SlidingWindow[Bucket] = SlidingWindow(
            limit.window or 1.0, began_ns, Bucket, self._total.take_out
        )

    # -- adding

    def add(self, reading: Reading, now_ns: int, count: int = 1) -> None:
        """Add one reading.

        Args:
            reading: Of the limit's metric. Without a value, or where one is not finite, it is no
                sample; its reason is kept.
            now_ns: When it was taken.
            count: How many calls it stands for, each with this reading.
        """
        value = reading.value
        is_sample = value is not None and _is_finite(value, reading.fraction)
        if self._is_latest:
            self._latest = reading if is_sample else Reading(value=None, reason=reading.reason)
            return
        part = self._ring.current(now_ns)
        if value is None or not is_sample:
            part.gap = reading.reason or NOT_MEASURED
            return
        if reading.contended:
            part.contended += count
            self._total.contended += count
        part.doubt = reading.reason or part.doubt
        self._figure.add(part, self._total, value, reading.fraction, count)

    def add_ordered_ns(self, ordered: Sequence[int], now_ns: int) -> None:
        """Add many durations at once.

        Args:
            ordered: Nanoseconds, ascending. A limit on `each` value takes the last, the longest.
            now_ns: When they were counted.
        """
        if not ordered:
            return
        if self._is_latest:
            self._latest = Reading(value=ordered[-1] / 1e9)
            return
        self._figure.add_ordered(self._ring.current(now_ns), self._total, ordered)

    def add_fraction(self, numerator: float, denominator: float, now_ns: int) -> None:
        """Add some of something: errors of calls, hits of tries, or for throughput just calls.

        Args:
            numerator: How many; for throughput the number of calls.
            denominator: Out of how many; nothing is added where it is 0. Throughput ignores it.
            now_ns: When they were counted.
        """
        if self.limit.metric is Metric.THROUGHPUT:
            if numerator:
                self._put(now_ns, 1.0, None, round(numerator))
        elif denominator:
            self._put(now_ns, numerator / denominator, (numerator, denominator), 1)

    def _put(
        self, now_ns: int, value: float, fraction: tuple[float, float] | None, count: int
    ) -> None:
        if self._is_latest:
            self._latest = Reading(value=value, fraction=fraction)
        else:
            part = self._ring.current(now_ns)
            self._figure.add(part, self._total, value, fraction, count)

    # -- judging

    def state(self, now_ns: int) -> State:
        """Return the state at `now_ns`, at a cost for each sub-window that ended since the last."""
        if self._is_latest:
            value = self._latest.value
            return State.NO_DATA if value is None else state_of(self.limit, value)
        self._ring.move_on(now_ns)
        if self._has_to_fill and not self._ring.has_filled:
            return State.NO_DATA
        if self._total.samples < self.limit.min_samples:
            return State.NO_DATA
        return self._figure.state(self._total)

    def judge(self, budget: Budget, now_ns: int) -> Verdict:
        """Return the verdict at `now_ns` with its value; for a percentile this merges sketches.

        Args:
            budget: Whose limit it is.
            now_ns: The time.
        """
        state = self.state(now_ns)
        is_known = state is not State.NO_DATA
        return Verdict(
            budget=budget,
            limit=self.limit,
            value=self._value() if is_known else None,
            state=state,
            contended=self._is_contended(),
            reason=self._doubt() if is_known else self._why_unknown(),
            samples=self._samples(),
        )

    def _samples(self) -> int:
        if self._is_latest:
            return 0 if self._latest.value is None else 1
        return self._total.samples

    def _is_contended(self) -> bool:
        return self._latest.contended if self._is_latest else self._total.contended > 0

    def _value(self) -> float | None:
        if self._is_latest:
            return self._latest.value
        return self._figure.value(self._total, self._ring)

    def _doubt(self) -> str:
        if self._is_latest:
            return self._latest.reason
        return next((part.doubt for part in self._ring if part.doubt), "")

    def _why_unknown(self) -> str:
        if self._is_latest:
            return self._latest.reason or NOT_MEASURED
        return "; ".join(self._whys())

    def _whys(self) -> Iterator[str]:
        if self._has_to_fill and not self._ring.has_filled:
            length = format_quantity(self.limit.window or 0.0, Unit.SECONDS)
            yield f"not yet watched for a whole window of {length}"
        elif self._total.samples < self.limit.min_samples:
            yield f"{self._total.samples} of {self.limit.min_samples} samples"
        else:
            yield "nothing to divide by"
        yield from (part.gap for part in self._ring if part.gap)


def _figure_of(limit: Limit) -> Aggregation:
    is_pooled = limit.statistic in _POOLED or limit.statistic is Statistic.EACH
    return Mean(limit) if is_pooled else Quantile(limit)


def _is_finite(value: float, fraction: tuple[float, float] | None) -> bool:
    return math.isfinite(value) and (fraction is None or all(map(math.isfinite, fraction)))
