"""What became of each violation that a sink was given: no violation vanishes without a count."""

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
"""Hears of a failure: what failed, such as ``"sink pager"``, and what it raised."""


def _keep_quiet(_: str, __: Exception) -> None:
    """Leave it at the count."""


@frozen(kw_only=True)
class Totals:
    """The state of an account: ``raised == delivered + suppressed + dropped + waiting``.

    Args:
        sink: The sink's name.
        raised: How many violations it was given.
        delivered: How many of them have arrived, as far as the sink can tell.
        suppressed_by: How many were held back on purpose, by reason: ``"filter"``, ``"cooldown"``,
            ``"ongoing"``, ``"rate limit"``, ``"not raised"``.
        dropped_by: How many were lost, by reason: ``"queue full"``, ``"failed"``, ``"timeout"``,
            ``"circuit open"``, ``"shutdown"``, ``"recursion"``.
    """

    sink: str
    raised: int
    delivered: int
    suppressed_by: dict[str, int]
    dropped_by: dict[str, int]

    @property
    def suppressed(self) -> int:
        """How many were held back on purpose."""
        return sum(self.suppressed_by.values())

    @property
    def dropped(self) -> int:
        """How many were lost."""
        return sum(self.dropped_by.values())

    @property
    def waiting(self) -> int:
        """How many are on their way: in a queue, a batch, or the hands of the sink."""
        return self.raised - self.delivered - self.suppressed - self.dropped


class DeliveryStats:
    """Counts what becomes of violations on their way through the layers of one sink.

    Exact from any number of threads. In the child of a fork it starts from nothing: what waited is
    the parent's to deliver.

    Args:
        sink: The sink's name.
        report: Hears of failures; None means that they are only counted.
    """

    def __init__(self, sink: str = "sink", report: FaultReport | None = None) -> None:
        self.sink = sink
        self.redactor = Redactor()
        self._report = report or _keep_quiet
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Count from zero, with a lock that nobody holds: at first, and after a fork."""
        self._lock = Lock()
        self._raised = itertools.count()
        self._delivered = 0
        self._suppressed: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def take(self, count: int = 1) -> None:
        """Count violations that the sink is given; without the lock, so that no call waits."""
        for _ in range(count):
            next(self._raised)

    def deliver(self, count: int = 1) -> None:
        """Count violations that have arrived."""
        with busy, self._lock:
            self._delivered += count

    def suppress(self, reason: str, count: int = 1) -> None:
        """Count violations that were held back on purpose."""
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
        """Report a failure by which no violation is lost; raises what the listener raises."""
        fault = error if isinstance(error, Exception) else RuntimeError(repr(error))
        self._report(f"sink {printable(self.sink)}", self.redactor.redact_error(fault))

    def redact(self, secrets: Collection[str]) -> None:
        """Replace `secrets` by ``***`` in each report from now on; earlier ones stay redacted."""
        self.redactor = self.redactor.including(secrets)

    def totals(self) -> Totals:
        """Return how it stands."""
        with busy, self._lock:
            return Totals(
                sink=self.sink,
                raised=_reached(self._raised),
                delivered=self._delivered,
                suppressed_by=dict(self._suppressed),
                dropped_by=dict(self._dropped),
            )


_MOST_ACCOUNTS: Final = 200
"""Names become attributes of metrics, of which there should not be too many."""


def _reached(counter: itertools.count[int]) -> int:
    """Return how often `next` was called on a counter that began at 0."""
    return int(repr(counter).removeprefix("count(").removesuffix(")"))


class _StatsRegistry:
    """The accounts of this process, by the name of the sink; they outlive the settings."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._accounts: dict[str, DeliveryStats] = {}
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        self._lock = Lock()

    def stats_of(self, sink: str, report: FaultReport | None = None) -> DeliveryStats:
        """Return the account of a sink, opened if there is none; many of them share the last."""
        with busy, self._lock:
            if sink not in self._accounts and len(self._accounts) >= _MOST_ACCOUNTS:
                sink = "others"
            if sink not in self._accounts:
                self._accounts[sink] = DeliveryStats(sink, report)
            return self._accounts[sink]

    def totals(self) -> tuple[Totals, ...]:
        """Return how every account stands."""
        with busy, self._lock:
            accounts = list(self._accounts.values())
        return tuple(stats.totals() for stats in accounts)


stats_registry: Final = _StatsRegistry()
"""The process's one."""
