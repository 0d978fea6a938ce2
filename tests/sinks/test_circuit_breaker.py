"""A sink that keeps failing is left alone for a while."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.sinks import CircuitBroken
from tests.sinks.chains import LONGEST, Chain, Gate, Kept, of


def _broken(*failures: BaseException) -> Chain:
    chain = Chain(partial(CircuitBroken, max_failures=2, cooldown=30.0), Kept(*failures))
    for _ in failures:
        chain.emit(of("a"))
    return chain


def test_a_dead_sink_is_left_alone_for_a_while() -> None:
    chain = _broken(OSError(), OSError())
    chain.emit(of("a"))
    assert chain.inner.is_open
    assert chain.stats.totals().dropped_by == {"failed": 2, "circuit open": 1}
    assert "next attempt in 30 s" in str(chain.failures[-1])


def test_nothing_else_goes_through_while_the_one_attempt_lasts(gate: Gate) -> None:
    chain = _broken(OSError(), OSError())
    chain.inner.inner.inner = gate
    chain.now.seconds = 30.0
    attempt = threading.Thread(target=chain.emit, args=(of("a"),))
    attempt.start()
    assert gate.has_begun.wait(LONGEST)
    chain.now.seconds = 1000.0  # however long it takes
    for _ in range(5):
        chain.emit(of("b"))
    gate.is_open.set()
    attempt.join()
    assert [each.budget.name for each in gate.heard] == ["a"]
    assert chain.stats.totals().dropped_by == {"failed": 2, "circuit open": 5}
    assert "next attempt is being made" in str(chain.failures[-1])
    assert not chain.inner.is_open


def test_an_interrupt_says_nothing_of_the_sink() -> None:
    chain = _broken(OSError(), OSError())
    chain.now.seconds = 30.0
    chain.sink.failures = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        chain.emit(of("a"))
    chain.emit(of("a"))
    assert chain.sums == (4, 1, 0, 3, 0)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 4.0, 5.0]), st.booleans()), max_size=40))
def test_a_circuit_does_as_a_naive_one(steps: list[tuple[float, bool]]) -> None:
    chain = Chain(partial(CircuitBroken, max_failures=2, cooldown=5.0))
    failures, failed_at, wanted = 0, 0.0, []
    for wait, fails in steps:
        chain.now.seconds += wait
        chain.sink.failures = [OSError()] if fails else []
        before = chain.stats.totals()
        chain.emit(of("a"))
        after = chain.stats.totals()
        if failures >= 2 and chain.now.seconds - failed_at < 5.0:
            wanted.append("open")
        else:
            wanted.append("failed" if fails else "delivered")
            failures = failures + 1 if fails else 0
            failed_at = chain.now.seconds if fails else failed_at
        counted = {
            "open": after.dropped_by.get("circuit open", 0),
            "failed": after.dropped_by.get("failed", 0),
            "delivered": after.delivered,
        }
        assert counted[wanted[-1]] == wanted.count(wanted[-1])
        assert after.raised == before.raised + 1
    assert chain.sums[-1] == 0
