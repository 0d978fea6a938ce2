"""Count durations and verdicts of one budget in bulk, exactly.

A call only appends its duration to a list, which is safe from any thread. The list is sorted and
counted when it is full or read: per call that costs a tenth of counting one by one. Sums are of
whole nanoseconds, so nothing is lost to rounding.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from attrs import define, field

from perfkit.evaluation.thresholds_ns import LONGEST_NS, is_judged_by_duration, last_ns_within
from perfkit.model import Limit, Metric, Outcome, State, Statistic, Verdict
from perfkit.reentrancy import Lock, busy

CAPACITY: Final = 4096
"""How many durations wait before they are counted: at most 200 kB of memory."""


@define(eq=False)
class Distribution:
    """Durations counted into buckets.

    Args:
        buckets: Bucket ``i`` counts durations above bound ``i - 1`` and not above bound ``i``, the
            last one those above the last bound.
        count: Number of durations.
        sum_ns, min_ns, max_ns: Their sum, the shortest and the longest, in nanoseconds.
    """

    buckets: list[int]
    count: int = 0
    sum_ns: int = 0
    min_ns: int = LONGEST_NS
    max_ns: int = 0

    def add(self, nanoseconds: int, bucket: int) -> None:
        """Add one duration, which belongs into bucket number `bucket`."""
        self.min_ns = min(self.min_ns, nanoseconds)
        self.max_ns = max(self.max_ns, nanoseconds)
        self.count += 1
        self.sum_ns += nanoseconds
        self.buckets[bucket] += 1

    def merge(self, other: Distribution) -> None:
        """Add the durations of `other`, which has the same bounds."""
        self.min_ns = min(self.min_ns, other.min_ns)
        self.max_ns = max(self.max_ns, other.max_ns)
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.buckets = [a + b for a, b in zip(self.buckets, other.buckets, strict=True)]


def _distribution_of(ordered: Sequence[int], bounds_ns: Sequence[int]) -> Distribution:
    """Count ascending durations, at least one."""
    ends = (0, *(bisect_right(ordered, bound) for bound in bounds_ns), len(ordered))
    buckets = [end - begin for begin, end in pairwise(ends)]
    return Distribution(buckets, len(ordered), sum(ordered), ordered[0], ordered[-1])


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

    def distribution(self, outcome: Outcome, buckets: int) -> Distribution:
        """Return the durations with `outcome`; make them if there are none yet."""
        if outcome not in self.by_outcome:
            self.by_outcome[outcome] = Distribution([0] * buckets)
        return self.by_outcome[outcome]

    def add(self, other: CallCounts) -> None:
        """Add the counts of `other`, which has the same bounds."""
        self.since_ns = min(self.since_ns, other.since_ns)
        self.verdicts.update(other.verdicts)
        for outcome, found in other.by_outcome.items():
            self.distribution(outcome, len(found.buckets)).merge(found)


Consumer: TypeAlias = Callable[[Outcome, Sequence[int]], object]
"""Receives calls with the same outcome: their durations, ascending, at least one."""


class BulkCounter:
    """The calls of one budget, for any number of readers. Exact from any number of threads.

    Args:
        bounds: Bucket bounds in seconds, ascending.
        limits: The budget's limits: each call's verdicts on the limits on single calls are counted
            with its duration.

    Attributes:
        durations: Durations of calls that ended well, in nanoseconds, not judged yet: append to it.
    """

    def __init__(self, bounds: Sequence[float], limits: Iterable[Limit]) -> None:
        self.bounds = tuple(bounds)
        # Reentrant, and guarded by `busy`: garbage collection or a signal handler inside may run a
        # measured call of the same budget.
        self._lock = Lock()
        self._bounds_ns = [last_ns_within(bound) for bound in bounds]
        self._buckets = len(self._bounds_ns) + 1
        self._limits = tuple(limit for limit in limits if limit.statistic is Statistic.EACH)
        self._consumer: Consumer | None = None
        self._pending: dict[Outcome, list[int]] = {outcome: [] for outcome in Outcome}
        self.durations = self._pending[Outcome.OK]
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
        """Count one call that was judged before; only its verdicts without `nanoseconds`."""
        counted = Counter((verdict.limit.metric, verdict.state) for verdict in verdicts)
        with busy, self._lock:
            for account in self._counts.values():
                account.verdicts.update(counted)
                if nanoseconds is not None:
                    bucket = bisect_left(self._bounds_ns, nanoseconds)
                    account.distribution(outcome, self._buckets).add(nanoseconds, bucket)

    def drain(self) -> None:
        """Count all pending durations."""
        with busy, self._lock:
            self._drain()

    def subscribe(self, consumer: Consumer) -> None:
        """Pass durations from now on to `consumer`, and pending ones to the one before."""
        with busy, self._lock:
            if consumer != self._consumer:
                self._drain()
                self._consumer = consumer

    def add_reader(self, reader: object, now_ns: int) -> None:
        """Count for `reader` from now on."""
        with busy, self._lock:
            if reader not in self._counts:
                self._drain()
                self._counts[reader] = CallCounts(now_ns)

    def read(self, reader: object, now_ns: int, *, reset: bool) -> CallCounts:
        """Return the counts of `reader` up to now; `reset` starts them from zero."""
        with busy, self._lock:
            self._drain()
            account = self._counts[reader]
            if reset:
                self._counts[reader] = CallCounts(now_ns)
                return account
            # A copy: the exporter reads it without the lock while calls are counted.
            copy = CallCounts(account.since_ns)
            copy.add(account)
            return copy

    def reset(self, now_ns: int) -> None:
        """Start all counts from zero, as in a forked child: its parent reports the earlier ones."""
        # A new lock: a thread of the parent may have held the old one during the fork.
        self._lock = Lock()
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
            if self._counts:
                self._count(outcome, ordered)
            if self._consumer is not None:
                self._consumer(outcome, ordered)

    def _count(self, outcome: Outcome, ordered: Sequence[int]) -> None:
        found = _distribution_of(ordered, self._bounds_ns)
        verdicts: Counter[tuple[Metric, State]] = Counter()
        for limit in self._limits:
            counts = _states_of(limit, outcome, ordered)
            verdicts.update({(limit.metric, state): n for state, n in counts.items() if n})
        for account in self._counts.values():
            account.distribution(outcome, self._buckets).merge(found)
            account.verdicts.update(verdicts)


def _states_of(limit: Limit, outcome: Outcome, ordered: Sequence[int]) -> dict[State, int]:
    """Count ascending nanoseconds by their state against `limit`, as `judge` returns it."""
    # Other limits than an upper one on the duration need more than durations.
    if not is_judged_by_duration(limit):
        return {State.NO_DATA: len(ordered)}
    within_target = bisect_right(ordered, last_ns_within(limit.target))
    within_threshold = bisect_right(ordered, last_ns_within(limit.threshold))
    violated = len(ordered) - within_threshold
    if outcome is Outcome.CANCELLED:
        return {State.NO_DATA: within_threshold, State.VIOLATED: violated}
    degraded = within_threshold - within_target
    return {State.MET: within_target, State.DEGRADED: degraded, State.VIOLATED: violated}
