"""Layers that try to bring violations to a sink: batch, retry, time limit, circuit breaker."""

from __future__ import annotations

import contextvars
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit import ConfigurationError, MissingExtraError
from perfkit.errors import DeliveryFailed
from perfkit.model import Violation
from perfkit.sinks import Account, Batched, CircuitBroken, Retried, TimeLimited
from perfkit.sinks.depth import here
from perfkit.sinks.layers.entrance import Arrival, Entrance
from tests.sinks.chains import (
    Chain,
    Kept,
    KeptTogether,
    Now,
    fork,
    fork_while_locked,
    in_threads,
    of,
)

pytest.importorskip("tenacity")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class _Blocking:
    """A sink that stops in each delivery until told to go on."""

    def __init__(self) -> None:
        self.got: list[Violation] = []
        self.is_there, self.may_go_on = threading.Event(), threading.Event()

    def emit(self, violation: Violation) -> None:
        self.is_there.set()
        self.may_go_on.wait(30)
        self.got.append(violation)


class _Calls:
    """A sink that calls a function with each violation."""

    def __init__(self, function: Callable[[Violation], object]) -> None:
        self.emit = function


# -- batch


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
    chain = Chain(partial(Batched, size=3), Kept(OSError(), DeliveryFailed("", reason="x")))
    for name in "abc":
        chain.emit(of(name))
    assert chain.account.totals().dropped_by == {"failed": 1, "x": 1}
    assert chain.sums == (3, 1, 0, 2, 0)
    assert len(chain.failures) == 2


def test_more_than_a_batch_goes_in_several() -> None:
    chain = Chain(partial(Batched, size=2), KeptTogether())
    chain.account.take(5)
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
    chain = Chain(partial(Batched, size=1), _Blocking())
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
    chain.inner.inner.inner = _Calls(lambda _: flushed.append(chain.entrance.flush(30.0)))
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


# -- retry


def _retried(
    *failures: BaseException, attempts: int = 3, sink: Any = None
) -> tuple[Chain, list[float]]:
    slept: list[float] = []
    make = partial(Retried, attempts=attempts, first_wait=1.0, sleep=slept.append)
    return Chain(make, sink or Kept(*failures)), slept


def test_what_may_succeed_later_is_tried_again() -> None:
    chain, slept = _retried(OSError(), DeliveryFailed(""))
    chain.emit(of("a"))
    assert chain.sums == (1, 1, 0, 0, 0)
    assert len(slept) == 2


def test_waits_are_random_and_grow() -> None:
    chain, slept = _retried(*[OSError()] * 400, attempts=10)
    for _ in range(40):
        chain.emit(of("a"))
    for attempt in range(9):
        waits = slept[attempt::9]
        assert len(set(waits)) > 30
        assert max(waits) <= min(2.0**attempt, 60.0)
        assert max(waits) > min(2.0**attempt, 60.0) / 2


@pytest.mark.parametrize(("asked", "waited"), [(5.0, 5.0), (3600.0, 60.0)])
def test_the_wait_that_a_receiver_asks_for_is_kept_up_to_a_minute(
    asked: float, waited: float
) -> None:
    chain, slept = _retried(DeliveryFailed("", retry_after=asked))
    chain.emit(of("a"))
    assert slept == [waited]


@pytest.mark.parametrize("asked", [0.0, -1.0, math.nan])
def test_a_receiver_that_asks_for_no_wait_gets_the_usual_one(asked: float) -> None:
    chain, slept = _retried(DeliveryFailed("", retry_after=asked))
    chain.emit(of("a"))
    assert 0 < slept[0] <= 1.0


@pytest.mark.parametrize(
    "error", [DeliveryFailed("no", is_permanent=True), ValueError("no"), SystemExit("no")]
)
def test_what_cannot_succeed_is_not_tried_again(error: BaseException) -> None:
    chain, slept = _retried(error)
    chain.emit(of("a"))
    assert (slept, chain.sums) == ([], (1, 0, 0, 1, 0))


def test_the_last_failure_is_the_one_that_is_told() -> None:
    chain, slept = _retried(OSError("1"), OSError("2"), DeliveryFailed("3", reason="unreachable"))
    chain.emit(of("a"))
    assert list(map(str, chain.failures)) == ["3"]
    assert chain.account.totals().dropped_by == {"unreachable": 1}
    assert len(slept) == 2


def test_too_many_at_once_are_halved_until_they_fit() -> None:
    sink = KeptTogether(most=2)
    sink.too_large = DeliveryFailed("", is_too_large=True)
    chain, slept = _retried(sink=sink)
    chain.account.take(7)
    chain.inner.emit_many([of(str(number)) for number in range(7)])
    assert [each.budget.name for each in sink.got] == [str(number) for number in range(7)]
    assert max(len(batch) for batch in sink.batches) <= 2
    assert (slept, chain.sums) == ([], (7, 7, 0, 0, 0))


def test_of_halves_only_what_is_lost_is_counted_as_lost() -> None:
    sink = KeptTogether(ValueError("first half"), most=2)
    sink.too_large = DeliveryFailed("", is_too_large=True, is_permanent=True)
    chain, _ = _retried(sink=sink)
    chain.account.take(4)
    chain.inner.emit_many([of(str(number)) for number in range(4)])
    assert [each.budget.name for each in sink.got] == ["2", "3"]
    assert chain.sums == (4, 2, 0, 2, 0)
    assert list(map(str, chain.failures)) == ["first half"]


def test_one_that_is_too_large_by_itself_is_lost() -> None:
    sink = KeptTogether(most=0)
    sink.too_large = DeliveryFailed("too large", is_too_large=True)
    chain, slept = _retried(sink=sink)
    with pytest.raises(DeliveryFailed, match="too large"):
        chain.inner.emit_many([of("a")] * 4)
    chain.emit(of("a"))
    assert (slept, chain.sums) == ([], (1, 0, 0, 1, 0))


def test_where_one_at_a_time_arrives_only_what_failed_is_sent_again() -> None:
    sink = Kept(OSError(), OSError(), OSError())
    chain, _ = _retried(sink=sink)
    chain.account.take(3)
    chain.inner.emit_many([of(name) for name in "abc"])
    assert [each.budget.name for each in sink.got] == ["b", "c"]
    assert chain.sums == (3, 2, 0, 1, 0)


def test_an_interrupt_is_not_tried_again() -> None:
    chain, slept = _retried(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        chain.emit(of("a"))
    assert (slept, chain.sums) == ([], (1, 0, 0, 1, 0))


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'perfkit\[webhook\]'"):
        Retried(Kept())


# -- circuit breaker


def _broken(*failures: BaseException) -> Chain:
    chain = Chain(partial(CircuitBroken, failures=2, cooldown=30.0), Kept(*failures))
    for _ in failures:
        chain.emit(of("a"))
    return chain


def test_a_dead_sink_is_left_alone_for_a_while() -> None:
    chain = _broken(OSError(), OSError())
    chain.emit(of("a"))
    assert chain.inner.is_open
    assert chain.account.totals().dropped_by == {"failed": 2, "circuit open": 1}
    assert "next attempt in 30 s" in str(chain.failures[-1])


def test_only_failures_in_a_row_open_the_circuit() -> None:
    chain = _broken(OSError())
    chain.emit(of("a"))
    chain.sink.failures = [OSError()]
    chain.emit(of("a"))
    assert not chain.inner.is_open


def test_after_the_cooldown_a_success_closes_the_circuit() -> None:
    chain = _broken(OSError(), OSError())
    chain.now.seconds = 30.0
    for _ in range(3):
        chain.emit(of("a"))
    assert not chain.inner.is_open
    assert chain.sums == (5, 3, 0, 2, 0)


def test_after_the_cooldown_one_failure_opens_it_for_another() -> None:
    chain = _broken(OSError(), OSError())
    chain.now.seconds = 30.0
    chain.sink.failures = [OSError()]
    for seconds in (30.0, 59.9, 60.0):
        chain.now.seconds = seconds
        chain.emit(of("a"))
    assert chain.sums == (5, 1, 0, 4, 0)


def test_nothing_else_goes_through_while_the_one_attempt_lasts() -> None:
    chain = _broken(OSError(), OSError())
    blocking = _Blocking()
    chain.inner.inner.inner = blocking
    chain.now.seconds = 30.0
    attempt = threading.Thread(target=chain.emit, args=(of("a"),))
    attempt.start()
    blocking.is_there.wait(30)
    chain.now.seconds = 1000.0  # however long it takes
    for _ in range(5):
        chain.emit(of("b"))
    blocking.may_go_on.set()
    attempt.join()
    assert [each.budget.name for each in blocking.got] == ["a"]
    assert chain.account.totals().dropped_by == {"failed": 2, "circuit open": 5}
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
@settings(deadline=None)
def test_a_circuit_does_as_a_naive_one(steps: list[tuple[float, bool]]) -> None:
    chain = Chain(partial(CircuitBroken, failures=2, cooldown=5.0))
    failures, failed_at, wanted = 0, 0.0, []
    for wait, fails in steps:
        chain.now.seconds += wait
        chain.sink.failures = [OSError()] if fails else []
        before = chain.account.totals()
        chain.emit(of("a"))
        after = chain.account.totals()
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


# -- time limit


class _Limited:
    """A sink with a time limit, and an account that counts what arrives in time."""

    def __init__(self, sink: Any, seconds: float = 30.0) -> None:
        self.account = Account("test")
        self.layer = TimeLimited(sink, seconds, account=self.account)
        self.entrance = Entrance(Arrival(self.layer, account=self.account), account=self.account)

    def emit(self, violation: Violation) -> None:
        self.entrance.emit(violation)


def test_what_is_in_time_arrives_and_leaves_no_thread() -> None:
    limited, threads = _Limited(sink := Kept()), threading.active_count()
    limited.emit(of("a"))
    assert len(sink.got) == 1
    assert threading.active_count() == threads


def test_what_the_sink_raises_is_raised() -> None:
    layer = TimeLimited(Kept(OSError("gone")), 30.0)
    with pytest.raises(OSError, match="gone"):
        layer.emit(of("a"))


def test_the_sink_sees_the_context_and_the_depth_of_whoever_waits() -> None:
    seen: list[object] = []
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("something")
    here.depth = 2
    try:
        TimeLimited(_Calls(lambda _: seen.extend([variable.get(), here.depth])), 30.0).emit(of("a"))
    finally:
        here.depth = 0
    assert seen == ["something", 2]


def test_what_takes_too_long_is_given_up_and_others_fail_at_once_meanwhile() -> None:
    limited = _Limited(sink := _Blocking(), 0.01)
    for _ in range(3):
        limited.emit(of("a"))
    assert limited.account.totals().dropped_by == {"timeout": 1, "busy": 2}
    (thread,) = (each for each in threading.enumerate() if each.name == "perfkit-test-limit")
    sink.may_go_on.set()
    thread.join()
    assert len(sink.got) == 1
    assert limited.account.totals().delivered == 0


def test_when_what_hung_has_ended_all_is_well_again() -> None:
    limited = _Limited(sink := _Blocking(), 0.01)
    limited.emit(of("a"))
    (thread,) = (each for each in threading.enumerate() if each.name == "perfkit-test-limit")
    sink.may_go_on.set()
    thread.join()
    limited.layer._seconds = 30.0
    limited.emit(of("b"))
    assert limited.account.totals().delivered == 1


def test_who_waits_for_a_delivery_that_hangs_stops_waiting_with_it() -> None:
    limited = _Limited(sink := _Blocking(), 0.05)
    in_threads(lambda _: limited.emit(of("a")), 4)
    dropped = limited.account.totals().dropped_by
    assert dropped["timeout"] == 1
    assert dropped["busy"] == 3
    (thread,) = (each for each in threading.enumerate() if each.name == "perfkit-test-limit")
    sink.may_go_on.set()
    thread.join()


def test_a_sink_that_delivers_to_itself_does_not_wait_for_itself() -> None:
    reasons: list[str] = []

    def emit(_: Violation) -> None:
        with pytest.raises(DeliveryFailed) as caught:
            layer.emit(of("b"))
        reasons.append(caught.value.reason)

    layer = TimeLimited(_Calls(emit), 30.0)
    layer.emit(of("a"))
    assert reasons == ["busy"]


def test_where_no_thread_can_be_had_nothing_stays_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    layer = TimeLimited(sink := Kept(), 30.0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(DeliveryFailed, match="can't start new thread"):
            layer.emit(of("a"))
    layer.emit(of("b"))
    assert [each.budget.name for each in sink.got] == ["b"]


def test_at_the_exit_of_the_process_it_does_without_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    class _Ended:
        def is_alive(self) -> bool:
            return False

    layer = TimeLimited(sink := Kept(), 30.0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        patched.setattr(threading, "main_thread", _Ended)
        layer.emit(of("a"))
    assert len(sink.got) == 1


_AT_EXIT = """
import atexit
from perfkit.sinks import TimeLimited
from tests.sinks.violations import make_violation

class Printing:
    def emit(self, violation):
        print(violation.budget.name, flush=True)

layer = TimeLimited(Printing(), 30.0)
atexit.register(lambda: layer.emit(make_violation()))
"""


def test_it_delivers_at_the_exit_of_the_process_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AT_EXIT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "load\n"


# -- common to all of them


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
                raise DeliveryFailed("", is_too_large=True)
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
    limited = _Limited(sink := _FailsNowAndThen())
    in_threads(lambda _: [limited.emit(of("a")) for _ in range(100)])
    totals = limited.account.totals()
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
    chain = Chain(make, _Calls(emit))
    chain.emit(of("a"))
    assert results == [0]


@needs_fork
@beside_threads
def test_in_the_child_of_a_sink_that_forks_a_batch_ends_well() -> None:
    chain = Chain(partial(Batched, size=1), _Calls(lambda _: os.fork() or children.append(1)))
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
