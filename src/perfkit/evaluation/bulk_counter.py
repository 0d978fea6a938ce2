"""Count durations and verdicts of one budget in bulk, exactly.

A call only appends its duration to a list, which is safe from any thread. The list is sorted and
counted when it is full or somebody reads: per call that costs a tenth of counting one by one. Sums
are of whole nanoseconds, so nothing is lost to rounding.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from attrs import define, field

from perfkit.evaluation.thresholds_ns import is_judged_by_duration, last_ns_within
from perfkit.model import Limit, Metric, Outcome, State, Statistic, Verdict
from perfkit.reentrancy import Lock, busy

CAPACITY: Final = 4096
"""How many durations wait before they are counted: they take 200 kB at the most."""


@define(eq=False)
class Distribution:
    """Durations counted into buckets.

    Args:
        buckets: One count a bucket; bucket ``i`` holds what is above bound ``i - 1`` and not above
            bound ``i``, the last one the rest.
        count: How many.
        sum_ns: Their sum in nanoseconds.
        min_ns, max_ns: The shortest and the longest; meaningless while `count` is 0.
    """

    buckets: list[int]
    count: int = 0
    sum_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0

    def take_one(self, nanoseconds: int, bucket: int) -> None:
        """Add one duration, which belongs into bucket number `bucket`."""
        self.min_ns = min(self.min_ns, nanoseconds) if self.count else nanoseconds
        self.max_ns = max(self.max_ns, nanoseconds) if self.count else nanoseconds
        self.count += 1
        self.sum_ns += nanoseconds
        self.buckets[bucket] += 1

    def take(self, ordered: Sequence[int], ends: Sequence[int]) -> None:
        """Add durations.

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
    """What one reader has not read yet, or all there was: as it wants it.

    Args:
        since_ns: Since when, nanoseconds since the Unix epoch.
        by_outcome: Durations.
        verdicts: How many judgements by metric and state.
    """

    since_ns: int
    by_outcome: dict[Outcome, Distribution] = field(factory=dict)
    verdicts: Counter[tuple[Metric, State]] = field(factory=Counter)


class Consumer(Protocol):
    """Takes durations as they are counted, such as what judges windows."""

    def take(self, outcome: Outcome, ordered: Sequence[int]) -> None:
        """Take calls that ended in the same way.

        Args:
            outcome: How they ended.
            ordered: Their durations in nanoseconds, ascending, at least one.
        """


class BulkCounter:
    """The calls of one budget, for any number of readers. Exact from any number of threads.

    Args:
        bounds: Bucket bounds in seconds, ascending.
        limits: The budget's limits: each call's verdict on those that hold a single call is
            counted with its duration.

    Attributes:
        taker: Is given what was not judged before, as it is counted; None for nobody.
    """

    def __init__(self, bounds: Sequence[float], limits: Iterable[Limit]) -> None:
        self.bounds = tuple(bounds)
        self.durations: list[int] = []
        """Durations of calls that ended well, in nanoseconds, not judged yet: append to it."""
        self._lock = Lock()
        self._bounds_ns = [last_ns_within(bound) for bound in bounds]
        self._limits = tuple(limit for limit in limits if limit.statistic is Statistic.EACH)
        self.consumer: Consumer | None = None
        self._waiting = {Outcome.OK: self.durations}
        self._waiting |= {outcome: [] for outcome in (Outcome.ERROR, Outcome.CANCELLED)}
        self._accounts: dict[object, CallCounts] = {}

    def add(self, outcome: Outcome, nanoseconds: int) -> None:
        """Count one call; its duration is judged when it is counted."""
        waiting = self._waiting[outcome]
        waiting.append(nanoseconds)
        if len(waiting) >= CAPACITY:
            self.drain()

    def add_judged(
        self, outcome: Outcome, nanoseconds: int | None, verdicts: Iterable[Verdict]
    ) -> None:
        """Count one call that was judged already, at once.

        Args:
            outcome: How it ended.
            nanoseconds: Its duration; None where that is not to be counted.
            verdicts: Every judgement of it.
        """
        counted = Counter((verdict.limit.metric, verdict.state) for verdict in verdicts)
        with busy, self._lock:
            if nanoseconds is not None:
                bucket = bisect_left(self._bounds_ns, nanoseconds)
                for account in self._accounts.values():
                    self._distribution(account, outcome).take_one(nanoseconds, bucket)
            for account in self._accounts.values():
                account.verdicts.update(counted)

    def drain(self) -> None:
        """Count all that waits."""
        with busy, self._lock:
            self._drain()

    def subscribe(self, consumer: Consumer | None) -> None:
        """Let `taker` have what comes from now on; what waits is for the one before."""
        with busy, self._lock:
            if consumer is not self.consumer:
                self._drain()
                self.consumer = consumer

    def open_account(self, reader: object, now_ns: int) -> None:
        """Let `reader` read from now on; what was before is not for it."""
        with busy, self._lock:
            if reader not in self._accounts:
                self._drain()
                self._accounts[reader] = CallCounts(now_ns)

    def read(self, reader: object, now_ns: int, *, reset: bool) -> CallCounts:
        """Return what there is for `reader`, counted up to now.

        Args:
            reader: Who has an account.
            now_ns: Nanoseconds since the Unix epoch.
            reset: Begin a new account, so that the next reading has only what comes after this.
        """
        with busy, self._lock:
            self._drain()
            account = self._accounts[reader]
            if reset:
                self._accounts[reader] = CallCounts(now_ns)
                return account
            distributions = {
                outcome: Distribution(list(d.buckets), d.count, d.sum_ns, d.min_ns, d.max_ns)
                for outcome, d in account.by_outcome.items()
            }
            return CallCounts(account.since_ns, distributions, Counter(account.verdicts))

    def forget(self, now_ns: int) -> None:
        """Start from nothing: in a forked child, what was counted is the parent's to report."""
        self._lock = Lock()
        for waiting in self._waiting.values():
            waiting.clear()
        self._accounts = {reader: CallCounts(now_ns) for reader in self._accounts}

    def _drain(self) -> None:
        for outcome, waiting in self._waiting.items():
            size = len(waiting)
            if not size:
                continue
            ordered = waiting[:size]
            del waiting[:size]  # other threads only append, so these are the same ones
            ordered.sort()
            self._take_durations(outcome, ordered)
            if self.consumer is not None:
                self.consumer.take(outcome, ordered)
            counted = self._judge(outcome, ordered)
            for account in self._accounts.values():
                account.verdicts.update(counted)

    def _take_durations(self, outcome: Outcome, ordered: Sequence[int]) -> None:
        ends = [bisect_right(ordered, bound) for bound in self._bounds_ns]
        for account in self._accounts.values():
            self._distribution(account, outcome).take(ordered, ends)

    def _distribution(self, account: CallCounts, outcome: Outcome) -> Distribution:
        distribution = account.by_outcome.get(outcome)
        if distribution is None:
            distribution = Distribution([0] * (len(self._bounds_ns) + 1))
            account.by_outcome[outcome] = distribution
        return distribution

    def _judge(self, outcome: Outcome, ordered: Sequence[int]) -> Counter[tuple[Metric, State]]:
        """Return how many of `ordered` are in which state, as `judge` would judge each."""
        counted: Counter[tuple[Metric, State]] = Counter()
        for limit in self._limits:
            counts = counted_states(limit, outcome, ordered)
            counted.update({(limit.metric, state): n for state, n in counts.items() if n})
        return counted


def counted_states(limit: Limit, outcome: Outcome, ordered: Sequence[int]) -> dict[State, int]:
    """Return how many durations are in which state of `limit`.

    Args:
        limit: At most a duration for each call; any other cannot be judged from durations alone.
        outcome: How these calls ended; a cancelled call that was within the line is no data.
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
