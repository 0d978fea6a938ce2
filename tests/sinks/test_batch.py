"""Violations that come together, or soon after one another, are handed on together."""

from __future__ import annotations

import os
import threading
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.errors import DeliveryError
from perfkit.sinks import Batched
from tests.sinks.chains import (
    Blocking,
    Calls,
    Chain,
    Kept,
    KeptTogether,
    of,
)

pytest.importorskip("tenacity")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_a_batch_is_handed_on_when_it_is_full() -> None:
    chain = Chain(partial(Batched, size=3), KeptTogether())
    for name in "abcd":
        chain.emit(of(name))
    assert [len(batch) for batch in chain.sink.batches] == [3]
    assert chain.sums == (4, 3, 0, 0, 1)


def test_a_batch_is_handed_on_when_the_first_has_waited_long_enough() -> None:
    chain = Chain(partial(Batched, size=10, wait=5.0), KeptTogether())
    waits = []
    for second in (0.0, 3.0, 5.0):
        chain.now.seconds = second
        waits.append(chain.tick())
        chain.emit(of("a"))
    assert waits == [None, 2.0, None]
    assert [len(batch) for batch in chain.sink.batches] == [2]


def test_a_flush_hands_on_what_there_is() -> None:
    chain = Chain(partial(Batched, size=10), KeptTogether())
    chain.emit(of("a"))
    assert chain.entrance.flush(0.0)
    assert chain.entrance.flush(0.0)
    assert chain.sums == (1, 1, 0, 0, 0)


def test_a_sink_that_takes_one_at_a_time_loses_only_those_that_fail() -> None:
    chain = Chain(partial(Batched, size=3), Kept(OSError(), DeliveryError("", reason="x")))
    for name in "abc":
        chain.emit(of(name))
    assert chain.stats.totals().dropped_by == {"failed": 1, "x": 1}
    assert chain.sums == (3, 1, 0, 2, 0)
    assert len(chain.failures) == 2


def test_more_than_a_batch_goes_in_several() -> None:
    chain = Chain(partial(Batched, size=2), KeptTogether())
    chain.stats.take(5)
    chain.inner.emit_many([of("a")] * 5)
    assert [len(batch) for batch in chain.sink.batches] == [2, 2, 1]


def test_an_interrupt_in_a_batch_loses_nothing_without_a_count() -> None:
    chain = Chain(partial(Batched, size=3), Kept())
    chain.emit(of("a"))
    chain.emit(of("b"))
    chain.sink.failures = [OSError(), KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        chain.emit(of("c"))
    assert chain.sums == (3, 0, 0, 3, 0)
    assert chain.entrance.flush(0.0)


def test_a_flush_waits_for_what_another_thread_hands_on() -> None:
    chain = Chain(partial(Batched, size=1), Blocking())
    sending = threading.Thread(target=chain.emit, args=(of("a"),))
    sending.start()
    chain.sink.is_there.wait(30)
    assert not chain.entrance.flush(0.0)
    chain.sink.may_go_on.set()
    assert chain.entrance.flush(30.0)
    assert chain.sums == (1, 1, 0, 0, 0)
    sending.join()


def test_a_flush_within_the_sink_does_not_wait_for_itself() -> None:
    flushed: list[bool] = []
    chain = Chain(partial(Batched, size=1))
    chain.inner.inner.inner = Calls(lambda _: flushed.append(chain.entrance.flush(30.0)))
    chain.emit(of("a"))
    assert flushed == [False]


@given(st.lists(st.sampled_from(["emit", "tick", "flush", "wait"])), st.integers(1, 5))
@settings(deadline=None)
def test_batches_keep_the_order_and_lose_nothing(moves: list[str], size: int) -> None:
    chain = Chain(partial(Batched, size=size, wait=2.0), KeptTogether())
    waits_since: list[float] = []
    for number, move in enumerate(moves):
        if move == "emit":
            chain.emit(of(str(number)))
            waits_since.append(chain.now.seconds)
        elif move == "tick":
            chain.tick()
        elif move == "flush":
            chain.entrance.flush(0.0)
        else:
            chain.now.seconds += 1.0
        is_late = move == "tick" and waits_since and chain.now.seconds - waits_since[0] >= 2.0
        if len(waits_since) == size or move == "flush" or is_late:
            waits_since.clear()
        assert chain.sums[-1] == len(waits_since)
    names = [str(number) for number, move in enumerate(moves) if move == "emit"]
    chain.entrance.flush(0.0)
    assert [each.budget.name for each in chain.sink.got] == names
