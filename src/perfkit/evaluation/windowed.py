"""Judge one limit over a sliding window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from perfkit.evaluation.aggregations import Aggregation, Bucket, Mean, Quantile, RunningSums
from perfkit.evaluation.per_call import NOT_MEASURED, state_of
from perfkit.evaluation.sliding_window import SlidingWindow
from perfkit.model import Budget, Direction, Limit, Reading, State, Statistic, Verdict
from perfkit.units import Unit, format_quantity

_POOLED: Final = frozenset({Statistic.MEAN, Statistic.RATE, Statistic.RATIO})


class LimitWindow:
    """One limit over a sliding window. Not safe from several threads; its owner locks.

    The window covers from 59/60 of its length to its full length, because it drops whole
    sub-windows. A rate is the sum divided by the window's length: it is exact for calls that are
    counted once in each sub-window, and up to 1/60 low for calls that are added one by one.

    The state is exact, from counts and sums of integers. So are maxima, means, rates and ratios, to
    the last bit of a float. A percentile's value is within 1 % of the true one, and always on the
    same side of target and threshold. A limit on `each` value is judged by the latest one.

    All times are monotonic nanoseconds. A time earlier than the latest counts as the latest.
    """

    def __init__(self, limit: Limit, began_ns: int) -> None:
        self.limit = limit
        self._is_latest = limit.statistic is Statistic.EACH
        # Too little of a rate cannot be proven by a part of a window, too much can.
        self._has_to_fill = (
            limit.statistic is Statistic.RATE and limit.direction is Direction.AT_LEAST
        )
        self._latest = Reading(value=None)
        self._total = RunningSums()
        is_pooled = self._is_latest or limit.statistic in _POOLED
        self._aggregation: Aggregation = Mean(limit) if is_pooled else Quantile(limit)
        self._sub_windows: SlidingWindow[Bucket] = SlidingWindow(
            limit.window or 1.0, began_ns, Bucket, self._total.subtract
        )

    # -- adding

    def add(self, reading: Reading, now_ns: int, count: int = 1) -> None:
        """Add `count` calls with the same reading.

        A reading without a finite value is not a sample; its reason is recorded.
        """
        value = reading.value
        is_sample = value is not None and _is_finite(value, reading.fraction)
        if self._is_latest:
            self._latest = reading if is_sample else Reading(value=None, reason=reading.reason)
            return
        bucket = self._sub_windows.current(now_ns)
        if value is None or not is_sample:
            bucket.gap = reading.reason or NOT_MEASURED
            return
        if reading.contended:
            bucket.contended += count
            self._total.contended += count
        bucket.doubt = reading.reason or bucket.doubt
        self._aggregation.add(bucket, self._total, value, reading.fraction, count)

    def add_ordered_ns(self, ordered: Sequence[int], now_ns: int) -> None:
        """Add ascending nanoseconds to a limit over a window."""
        if ordered:
            self._aggregation.add_ordered(self._sub_windows.current(now_ns), self._total, ordered)

    def add_fraction(self, numerator: float, denominator: float, now_ns: int) -> None:
        """Add a part of a total to a limit over a window: errors of calls, or hits of tries.

        For throughput, both are the number of calls.
        """
        bucket = self._sub_windows.current(now_ns)
        self._aggregation.add(bucket, self._total, 0.0, (numerator, denominator), 1)

    # -- judging

    def state(self, now_ns: int) -> State:
        """Return the state at `now_ns`, without computing the value."""
        if self._is_latest:
            value = self._latest.value
            return State.NO_DATA if value is None else state_of(self.limit, value)
        self._sub_windows.advance(now_ns)
        # A window that is not full yet may still reach a rate that is to be at least something.
        if self._has_to_fill and not self._sub_windows.has_filled:
            return State.NO_DATA
        if self._total.samples < self.limit.min_samples:
            return State.NO_DATA
        return self._aggregation.state(self._total)

    def judge(self, budget: Budget, now_ns: int) -> Verdict:
        """Return the verdict at `now_ns` with its value; for a percentile this merges sketches."""
        state = self.state(now_ns)
        if self._is_latest:
            return self._judge_latest(budget, state)
        has_data = state is not State.NO_DATA
        doubts = (bucket.doubt for bucket in self._sub_windows if bucket.doubt)
        return Verdict(
            budget=budget,
            limit=self.limit,
            value=self._aggregation.value(self._total, self._sub_windows) if has_data else None,
            state=state,
            contended=self._total.contended > 0,
            reason=next(doubts, "") if has_data else "; ".join(self._whys()),
            samples=self._total.samples,
        )

    def _judge_latest(self, budget: Budget, state: State) -> Verdict:
        latest = self._latest
        has_data = latest.value is not None
        return Verdict(
            budget=budget,
            limit=self.limit,
            value=latest.value,
            state=state,
            contended=latest.contended,
            reason=latest.reason or ("" if has_data else NOT_MEASURED),
            samples=int(has_data),
        )

    def _whys(self) -> Iterator[str]:
        if self._has_to_fill and not self._sub_windows.has_filled:
            length = format_quantity(self.limit.window or 0.0, Unit.SECONDS)
            yield f"not yet watched for a whole window of {length}"
        elif self._total.samples < self.limit.min_samples:
            yield f"{self._total.samples} of {self.limit.min_samples} samples"
        else:
            yield "nothing to divide by"
        yield from (bucket.gap for bucket in self._sub_windows if bucket.gap)


def _is_finite(value: float, fraction: tuple[float, float] | None) -> bool:
    return math.isfinite(value) and (fraction is None or all(map(math.isfinite, fraction)))
