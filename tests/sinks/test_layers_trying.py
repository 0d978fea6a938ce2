"""Retry and circuit breaker: numbers, sums from several threads, and forks."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import Any

import pytest

from perfkit.errors import DeliveryError
from perfkit.model import Violation
from perfkit.sinks import CircuitBroken, Retried
from tests.sinks.chains import (
    Chain,
    Kept,
    fork_while_locked,
    in_threads,
    of,
)

pytest.importorskip("tenacity")


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


def _both(inner: Any, **shared: Any) -> Any:
    inner = Retried(inner, 2, sleep=lambda _: None, **shared)
    return CircuitBroken(inner, 3, 1.0, **shared)


EACH = 400


@pytest.mark.parametrize(
    "make",
    [
        partial(Retried, max_attempts=2, sleep=lambda _: None),
        partial(CircuitBroken, max_failures=2, cooldown=1.0),
        _both,
    ],
    ids=["retry", "breaker", "both"],
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_begins_anew_though_the_lock_was_held() -> None:
    chain = Chain(partial(CircuitBroken, max_failures=1), Kept())

    def in_child() -> None:
        chain.emit(of("a"))
        assert chain.sums == (1, 1, 0, 0, 0)

    assert fork_while_locked(chain.inner, in_child) == 0
