"""Chains of layers for tests: a sink that keeps what it gets, and an account of the way there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from perfkit import Severity, State
from perfkit.model import Budget, Sink, Violation
from perfkit.sinks import DeliveryQueue, DeliveryStats, Layer
from perfkit.sinks.delivery.layer import DeliveredCounter, DeliveryEntry
from tests.processes import fork
from tests.sinks.violations import make_violation

__all__ = ["DeliveredCounter", "DeliveryEntry"]

LEVELS = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


class Now:
    """A clock that stands still until told, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Kept:
    """A sink that keeps what it gets, and fails as told: once for each error in `failures`."""

    def __init__(self, *failures: BaseException) -> None:
        self.got: list[Violation] = []
        self.failures = list(failures)

    def emit(self, violation: Violation) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.got.append(violation)


class KeptTogether(Kept):
    """Does the same for many at once, and keeps them as they came."""

    def __init__(self, *failures: BaseException, most: int = 1000) -> None:
        super().__init__(*failures)
        self.batches: list[list[Violation]] = []
        self.most = most
        self.too_large: BaseException | None = None

    def emit(self, violation: Violation) -> None:
        self.emit_many([violation])

    def emit_many(self, violations: Sequence[Violation]) -> None:
        if len(violations) > self.most and self.too_large is not None:
            raise self.too_large
        if self.failures:
            raise self.failures.pop(0)
        self.got.extend(violations)
        self.batches.append(list(violations))


class Chain:
    """An entrance, some layers and an arrival around a sink, with one account for all."""

    def __init__(self, make: Callable[..., Sink], sink: Any = None) -> None:
        self.now = Now()
        self.failures: list[Exception] = []
        self.stats = DeliveryStats("test", lambda _, error: self.failures.append(error))
        self.sink = sink or Kept()
        shared = {"stats": self.stats, "now": self.now}
        self.inner: Any = make(DeliveredCounter(self.sink, **shared), **shared)
        self.entrance = DeliveryEntry(self.inner, **shared)

    def emit(self, violation: Violation) -> None:
        self.entrance.emit(violation)

    def tick(self) -> float | None:
        return self.entrance.tick()

    @property
    def sums(self) -> tuple[int, int, int, int, int]:
        """Raised, delivered, suppressed, dropped and waiting."""
        totals = self.stats.totals()
        return (
            totals.raised,
            totals.delivered,
            totals.suppressed,
            totals.dropped,
            totals.waiting,
        )


def of(name: str, severity: Severity = Severity.WARNING, **changes: Any) -> Violation:
    """Return a violation of the budget called `name`."""
    return make_violation(budget=Budget(name=name), severity=severity, **changes)


def recovery_of(name: str, severity: Severity = Severity.WARNING, **changes: Any) -> Violation:
    """Return the recovery of a window of the budget called `name`."""
    return of(name, severity, is_recovery=True, state=State.MET, since_ns=1, **changes)


def in_threads(work: Callable[[int], object], threads: int = 8) -> None:
    """Do `work`, which is told its number, in several threads that begin at once."""
    barrier = threading.Barrier(threads)

    def begin(number: int) -> None:
        barrier.wait()
        work(number)

    running = [threading.Thread(target=begin, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def fork_while_locked(layer: Layer, in_child: Callable[[], object]) -> int:
    """Fork while another thread holds the lock of `layer`; return how the child has ended."""
    lock: Any = vars(layer)["_lock"]
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            may_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    try:
        return fork(in_child)
    finally:
        may_go.set()
        holder.join()


LONGEST = 20.0
"""Seconds: far longer than any delivery of these tests takes, unless it hangs."""


class Gate:
    """A sink that waits until its gate is open, and collects violations."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.has_begun = threading.Event()
        self.heard: list[Violation] = []

    def emit(self, violation: Violation) -> None:
        self.has_begun.set()
        assert self.is_open.wait(LONGEST)
        self.heard.append(violation)


class Batches:
    """A sink of batches, on a clock of its own."""

    def __init__(self, **options: Any) -> None:
        self.sizes: list[int] = []
        self.seconds = 0.0
        self.has_arrived = threading.Event()
        self.queue = DeliveryQueue(self, now=lambda: self.seconds, **options)

    def emit(self, violation: Violation) -> None:
        self.emit_many([violation])

    def emit_many(self, violations: Any) -> None:
        self.sizes.append(len(violations))
        self.has_arrived.set()

    def add(self, count: int) -> None:
        for _ in range(count):
            self.queue.emit(make_violation())
