"""Count durations and verdicts of one budget in bulk, exactly.

A call only appends its duration to a list, which is safe from any thread. The list is sorted and
counted when it is full or read: per call that costs a tenth of counting one by one. Sums are of
whole nanoseconds, so nothing is lost to rounding.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from attrs import define, field

from perfkit.evaluation.thresholds_ns import is_judged_by_duration, last_ns_within
from perfkit.model import Limit, Metric, Outcome, State, Statistic, Verdict
from perfkit.reentrancy import busy

CAPACITY: Final = 4096
"""How many durations wait before they are counted: at most 200 kB of memory."""


@define(eq=False)
class Distribution:
    """Durations counted into buckets.

    Args:
        buckets: Bucket ``i`` counts durations above bound ``i - 1`` and not above bound ``i``, the
            last one those above the last bound.
        count: Number of durations.
        sum_ns: Their sum in nanoseconds.
        min_ns, max_ns: The shortest and the longest; meaningless while `count` is 0.
    """

    buckets: list[int]
    count: int = 0
    sum_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0

    def add(self, nanoseconds: int, bucket: int) -> None:
        """Add one duration, which belongs into bucket number `bucket`."""
        self.min_ns = min(self.min_ns, nanoseconds) if self.count else nanoseconds
        self.max_ns = max(self.max_ns, nanoseconds) if self.count else nanoseconds
        self.count += 1
        self.sum_ns += nanoseconds
        self.buckets[bucket] += 1

    def add_ordered(self, ordered: Sequence[int], ends: Sequence[int]) -> None:
        """Add many durations.

        Args:
            ordered: In nanoseconds, ascending, at least one.
            ends: For each bound, how many of them are not above it.
        """
        self.min_ns = min(self.min_ns, ordered[0]) if self.count else ordered[0]
        self.max_ns = max(self.max_ns, ordered[-1]) if self.count else ordered[-1]
        self.count += len(ordered)
        self.sum_ns += sum(ordered)
        begin = 0
        for bucket, end in enumerate((*ends, len(ordered))):
            self.buckets[bucket] += end - begin
            begin = end


@define(eq=False)
class CallCounts:
    """The counts of one reader, since it last reset them or since it was added.

    Args:
        since_ns: Start of the counts, nanoseconds since the Unix epoch.
        by_outcome: Durations.
        verdicts: Number of verdicts by metric and state.
    """

    since_ns: int
    by_outcome: dict[Outcome, Distribution] = field(factory=dict)
    verdicts: Counter[tuple[Metric, State]] = field(factory=Counter)


class Consumer(Protocol):
    """Receives durations when they are counted; windows do."""

    def consume(self, outcome: Outcome, ordered: Sequence[int]) -> None:
        """Process calls with the same outcome.

        Args:
            outcome: How they ended.
            ordered: Their durations in nanoseconds, ascending, at least one.
        """


class BulkCounter:
    """The calls of one budget, for any number of readers. Exact from any number of threads.

    Args:
        bounds: Bucket bounds in seconds, ascending.
        limits: The budget's limits: each call's verdicts on the limits on single calls are counted
            with its duration.

    Attributes:
        consumer: Receives the durations that were not judged before, or None.
    """

    def __init__(self, bounds: Sequence[float], limits: Iterable[Limit]) -> None:
        self.bounds = tuple(bounds)
        self.durations: list[int] = []
        """Durations of calls that ended well, in nanoseconds, not judged yet: append to it."""
        # Reentrant, and guarded by `busy`: garbage collection or a signal handler inside may run a
        # measured call of the same budget.
        self._lock = threading.RLock()
        self._bounds_ns = [last_ns_within(bound) for bound in bounds]
        self._limits = tuple(limit for limit in limits if limit.statistic is Statistic.EACH)
        self.consumer: Consumer | None = None
        self._pending = {Outcome.OK: self.durations}
        self._pending |= {outcome: [] for outcome in (Outcome.ERROR, Outcome.CANCELLED)}
        self._counts: dict[object, CallCounts] = {}

    def add(self, outcome: Outcome, nanoseconds: int) -> None:
        """Count one call; its duration is judged when it is counted."""
        pending = self._pending[outcome]
        pending.append(nanoseconds)
        # Two threads may both find it full; the second then drains the few that were added since.
        if len(pending) >= CAPACITY:
            self.drain()

    def add_judged(
        self, outcome: Outcome, nanoseconds: int | None, verdicts: Iterable[Verdict]
    ) -> None:
        """Count one call that was judged before.

        Args:
            outcome: How it ended.
            nanoseconds: Its duration, or None to count only the verdicts.
            verdicts: All its verdicts.
        """
        counted = Counter((verdict.limit.metric, verdict.state) for verdict in verdicts)
        with busy, self._lock:
            if nanoseconds is not None:
                bucket = bisect_left(self._bounds_ns, nanoseconds)
                for account in self._counts.values():
                    self._distribution(account, outcome).add(nanoseconds, bucket)
            for account in self._counts.values():
                account.verdicts.update(counted)

    def drain(self) -> None:
        """Count all pending durations."""
        with busy, self._lock:
            self._drain()

    def subscribe(self, consumer: Consumer | None) -> None:
        """Pass durations from now on to `consumer`, and pending ones to the one before."""
        with busy, self._lock:
            if consumer is not self.consumer:
                self._drain()
                self.consumer = consumer

    def add_reader(self, reader: object, now_ns: int) -> None:
        """Count for `reader` from now on."""
        with busy, self._lock:
            if reader not in self._counts:
                self._drain()
                self._counts[reader] = CallCounts(now_ns)

    def read(self, reader: object, now_ns: int, *, reset: bool) -> CallCounts:
        """Return the counts of `reader` up to now.

        Args:
            reader: A reader that was added.
            now_ns: Nanoseconds since the Unix epoch.
            reset: Start its counts from zero.
        """
        with busy, self._lock:
            self._drain()
            account = self._counts[reader]
            if reset:
                self._counts[reader] = CallCounts(now_ns)
                return account
            # Copies: the exporter reads them without the lock while calls are counted.
            distributions = {
                outcome: Distribution(list(d.buckets), d.count, d.sum_ns, d.min_ns, d.max_ns)
                for outcome, d in account.by_outcome.items()
            }
            return CallCounts(account.since_ns, distributions, Counter(account.verdicts))

    def reset(self, now_ns: int) -> None:
        """Start all counts from zero, as in a forked child: its parent reports the earlier ones."""
        # A new lock: a thread of the parent may have held the old one during the fork.
        self._lock = threading.RLock()
        for waiting in self._pending.values():
            waiting.clear()
        self._counts = {reader: CallCounts(now_ns) for reader in self._counts}

    def _drain(self) -> None:
        for outcome, waiting in self._pending.items():
            size = len(waiting)
            if not size:
                continue
            # Other threads only append, so that the deleted durations are the copied ones.
            ordered = waiting[:size]
            del waiting[:size]
            ordered.sort()
            self._add_durations(outcome, ordered)
            if self.consumer is not None:
                self.consumer.consume(outcome, ordered)
            counted = self._judge(outcome, ordered)
            for account in self._counts.values():
                account.verdicts.update(counted)

    def _add_durations(self, outcome: Outcome, ordered: Sequence[int]) -> None:
        ends = [bisect_right(ordered, bound) for bound in self._bounds_ns]
        for account in self._counts.values():
            self._distribution(account, outcome).add_ordered(ordered, ends)

    def _distribution(self, account: CallCounts, outcome: Outcome) -> Distribution:
        distribution = account.by_outcome.get(outcome)
        if distribution is None:
            distribution = Distribution([0] * (len(self._bounds_ns) + 1))
            account.by_outcome[outcome] = distribution
        return distribution

    def _judge(self, outcome: Outcome, ordered: Sequence[int]) -> Counter[tuple[Metric, State]]:
        """Count `ordered` by state; the states are those that `judge` returns for each call."""
        counted: Counter[tuple[Metric, State]] = Counter()
        for limit in self._limits:
            counts = counted_states(limit, outcome, ordered)
            counted.update({(limit.metric, state): n for state, n in counts.items() if n})
        return counted


def counted_states(limit: Limit, outcome: Outcome, ordered: Sequence[int]) -> dict[State, int]:
    """Count durations by their state against `limit`.

    Args:
        limit: An upper limit on the duration of each call; others need more than durations.
        outcome: How these calls ended; a cancelled call within the threshold counts as `no_data`.
        ordered: Nanoseconds, ascending.
    """
    if not is_judged_by_duration(limit):
        return {State.NO_DATA: len(ordered)}
    within_target = bisect_right(ordered, last_ns_within(limit.target))
    within_threshold = bisect_right(ordered, last_ns_within(limit.threshold))
    violated = len(ordered) - within_threshold
    if outcome is Outcome.CANCELLED:
        return {State.NO_DATA: within_threshold, State.VIOLATED: violated}
    degraded = within_threshold - within_target
    return {State.MET: within_target, State.DEGRADED: degraded, State.VIOLATED: violated}
