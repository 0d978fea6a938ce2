"""What batch, retry, time limit and circuit breaker have in common: sums, threads and forks."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import Any

import pytest

from perfkit import ConfigurationError
from perfkit.errors import DeliveryError
from perfkit.model import Violation
from perfkit.sinks import Batched, CircuitBroken, Retried, TimeLimited
from tests.sinks.chains import (
    Calls,
    Chain,
    Kept,
    KeptTogether,
    Limited,
    Now,
    fork,
    fork_while_locked,
    in_threads,
    of,
)

pytest.importorskip("tenacity")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.mark.parametrize(
    "make",
    [
        partial(Batched, size=0),
        partial(Batched, wait=0.0),
        partial(Retried, attempts=0),
        partial(Retried, first_wait=0.0),
        partial(CircuitBroken, failures=0),
        partial(CircuitBroken, cooldown=0.0),
        partial(TimeLimited, seconds=0.0),
    ],
)
def test_a_figure_that_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="write"):
        make(Kept())


class _FailsNowAndThen:
    """A sink that takes many, and fails each third time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = self.arrived = 0

    def emit(self, violation: Violation) -> None:
        self.emit_many([violation])

    def emit_many(self, violations: Any) -> None:
        with self.lock:
            self.calls += 1
            if self.calls % 3 == 0:
                raise OSError
            if len(violations) > 4:
                raise DeliveryError("", is_too_large=True)
            self.arrived += len(violations)


def _whole_way(inner: Any, **shared: Any) -> Any:
    inner = Retried(inner, 2, sleep=lambda _: None, **shared)
    return Batched(CircuitBroken(inner, 3, 1.0, **shared), 10, **shared)


EACH = 400


@pytest.mark.parametrize(
    "make",
    [
        partial(Batched, size=7),
        partial(Retried, attempts=2, sleep=lambda _: None),
        partial(CircuitBroken, failures=2, cooldown=1.0),
        _whole_way,
    ],
    ids=["batch", "retry", "breaker", "whole way"],
)
def test_sums_are_exact_from_several_threads(make: Any) -> None:
    chain = Chain(make, _FailsNowAndThen())

    def work(_: int) -> None:
        for turn in range(EACH):
            chain.emit(of("a"))
            if turn % 10 == 0:
                chain.now.seconds += 0.2
                chain.tick()

    in_threads(work)
    chain.entrance.flush(30.0)
    raised, delivered, suppressed, dropped, waiting = chain.sums
    assert (raised, suppressed, waiting) == (8 * EACH, 0, 0)
    assert delivered == chain.sink.arrived
    assert delivered + dropped == raised


def test_sums_of_a_time_limit_are_exact_from_several_threads() -> None:
    limited = Limited(sink := _FailsNowAndThen())
    in_threads(lambda _: [limited.emit(of("a")) for _ in range(100)])
    totals = limited.stats.totals()
    assert (totals.raised, totals.waiting) == (800, 0)
    assert totals.delivered == sink.arrived
    assert set(totals.dropped_by) == {"failed"}


LOCKED: dict[str, Any] = {
    "batch": partial(Batched, size=1),
    "breaker": partial(CircuitBroken, failures=1),
    "time limit": partial(TimeLimited, seconds=30.0),
}


@needs_fork
@beside_threads
@pytest.mark.parametrize("make", LOCKED.values(), ids=LOCKED)
def test_a_forked_child_begins_anew_though_the_lock_was_held(make: Any) -> None:
    chain = Chain(make, Kept())

    def in_child() -> None:
        chain.emit(of("a"))
        assert chain.sums == (1, 1, 0, 0, 0)

    assert fork_while_locked(chain.inner, in_child) == 0


@needs_fork
@beside_threads
def test_a_forked_child_does_not_send_what_waits_in_a_batch_of_the_parent() -> None:
    chain = Chain(partial(Batched, size=2), KeptTogether())
    chain.emit(of("a"))

    def in_child() -> None:
        chain.entrance.flush(0.0)
        assert chain.sink.got == []

    assert fork(in_child) == 0


@needs_fork
@beside_threads
@pytest.mark.parametrize("make", LOCKED.values(), ids=LOCKED)
def test_a_sink_may_fork(make: Any) -> None:
    results: list[int] = []

    def emit(_: Violation) -> None:
        child = os.fork()
        if child:
            results.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        elif threading.current_thread() is caller:  # pragma: no cover - in the child
            os._exit(0)

    caller = threading.current_thread()
    chain = Chain(make, Calls(emit))
    chain.emit(of("a"))
    assert results == [0]


@needs_fork
@beside_threads
def test_in_the_child_of_a_sink_that_forks_a_batch_ends_well() -> None:
    chain = Chain(partial(Batched, size=1), Calls(lambda _: os.fork() or children.append(1)))
    children: list[int] = []
    parent = os.getpid()
    try:
        chain.emit(of("a"))
    finally:
        if os.getpid() != parent:  # pragma: no cover - in the child
            os._exit(0 if chain.sums == (0, 0, 0, 0, 0) else 1)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0


def test_the_clock_of_a_layer_can_be_given() -> None:
    now = Now()
    batched = Batched(Kept(), now=now)
    assert batched.now is now
