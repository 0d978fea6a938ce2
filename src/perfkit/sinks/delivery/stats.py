"""Count the outcome of each violation that a sink received; none is lost without a count."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from attrs import frozen

from perfkit.errors import DeliveryError
from perfkit.forks import register_after_fork
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.redaction import Redactor
from perfkit.text import printable

FaultReport = Callable[[str, Exception], object]
"""Receives the name of a failed part, such as ``"sink pager"``, and its exception."""


@frozen(kw_only=True)
class Totals:
    """A snapshot of `DeliveryStats`: ``raised == delivered + suppressed + dropped + waiting``.

    Args:
        sink: The sink's name.
        raised: The number of violations for the sink.
        delivered: The number that arrived, as far as the sink can detect it.
        suppressed_by: The numbers suppressed on purpose, by reason: ``"filter"``, ``"duplicate"``,
            ``"rate limit"``, ``"not raised"``.
        dropped_by: The numbers lost, by reason: ``"queue full"``, ``"failed"``, ``"timeout"``,
            ``"circuit open"``, ``"shutdown"``, ``"recursion"``.
    """

    sink: str
    raised: int
    delivered: int
    suppressed_by: dict[str, int]
    dropped_by: dict[str, int]

    @property
    def suppressed(self) -> int:
        """The number suppressed on purpose."""
        return sum(self.suppressed_by.values())

    @property
    def dropped(self) -> int:
        """The number lost."""
        return sum(self.dropped_by.values())

    @property
    def waiting(self) -> int:
        """The number that is queued or being delivered."""
        return self.raised - self.delivered - self.suppressed - self.dropped


class DeliveryStats:
    """Counts violations on their way through the layers of one sink.

    Exact from any number of threads. In the child of a fork all counts start at 0: the parent
    delivers the violations that waited.

    Args:
        sink: The sink's name.
        report: Receives failures; None means that they are only counted.
    """

    def __init__(self, sink: str = "sink", report: FaultReport | None = None) -> None:
        self.sink = sink
        self.redactor = Redactor()
        self._report = report
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Count from 0, with a new lock: at construction, and in the child of a fork."""
        self._lock = Lock()
        self._raised = itertools.count()
        self._delivered = 0
        self._suppressed: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def take(self, count: int = 1) -> None:
        """Count violations for the sink."""
        # `next` of a C iterator is atomic, so no call waits for the lock here.
        for _ in range(count):
            next(self._raised)

    def deliver(self, count: int = 1) -> None:
        """Count violations that arrived."""
        with busy, self._lock:
            self._delivered += count

    def suppress(self, reason: str, count: int = 1) -> None:
        """Count violations that were suppressed on purpose."""
        with busy, self._lock:
            self._suppressed[reason] += count

    def drop(self, reason: str, count: int = 1) -> None:
        """Count violations that are lost."""
        with busy, self._lock:
            self._dropped[reason] += count

    def fail(self, error: BaseException, count: int = 1) -> None:
        """Count violations that are lost because of `error`, and report it."""
        self.drop(error.reason if isinstance(error, DeliveryError) else "failed", count)
        self.report(error)

    def report(self, error: BaseException) -> None:
        """Report a failure without counting a loss; raises any exception of the listener."""
        if self._report is not None:
            fault = error if isinstance(error, Exception) else RuntimeError(repr(error))
            self._report(f"sink {printable(self.sink)}", self.redactor.redact_error(fault))

    def redact(self, secrets: Collection[str]) -> None:
        """Replace `secrets` by ``***`` in each report from now on; earlier ones stay redacted."""
        self.redactor = self.redactor.including(secrets)

    def totals(self) -> Totals:
        """Return a snapshot."""
        with busy, self._lock:
            # `repr` is the only way to read a counter without a step.
            raised = repr(self._raised).removeprefix("count(").removesuffix(")")
            return Totals(
                sink=self.sink,
                raised=int(raised),
                delivered=self._delivered,
                suppressed_by=dict(self._suppressed),
                dropped_by=dict(self._dropped),
            )


_MOST_SINKS: Final = 200
"""Names become attributes of metrics, whose number should be bounded."""


class _StatsRegistry:
    """The statistics of this process, by the name of the sink; they outlive the settings."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stats: dict[str, DeliveryStats] = {}
        # Sinks that have not had a violation are listed too, with zeros, although their layers do
        # not exist yet.
        self.expected: dict[str, FaultReport] = {}
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        self._lock = Lock()

    def stats_of(self, sink: str, report: FaultReport | None = None) -> DeliveryStats:
        """Return the statistics of a sink, made if there are none; beyond 200 they are shared."""
        with busy, self._lock:
            if sink not in self._stats and len(self._stats) >= _MOST_SINKS:
                sink = "others"
            if sink not in self._stats:
                self._stats[sink] = DeliveryStats(sink, report)
            return self._stats[sink]

    def totals(self) -> tuple[Totals, ...]:
        """Return a snapshot of each sink."""
        for sink, report in list(self.expected.items()):
            self.stats_of(sink, report)
        with busy, self._lock:
            found = list(self._stats.values())
        return tuple(stats.totals() for stats in found)


stats_registry: Final = _StatsRegistry()
"""The registry of the process."""
