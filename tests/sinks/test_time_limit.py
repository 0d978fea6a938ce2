"""A sink that takes too long is waited for no longer."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading

import pytest

from perfkit.errors import DeliveryError
from perfkit.model import Violation
from perfkit.sinks import TimeLimited
from perfkit.sinks.delivery.recursion import thread_state
from tests.sinks.chains import (
    Blocking,
    Calls,
    Kept,
    Limited,
    in_threads,
    of,
)

pytest.importorskip("tenacity")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_what_is_in_time_arrives_and_leaves_no_thread() -> None:
    limited, threads = Limited(sink := Kept()), threading.active_count()
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
    thread_state.depth = 2
    try:
        TimeLimited(Calls(lambda _: seen.extend([variable.get(), thread_state.depth])), 30.0).emit(
            of("a")
        )
    finally:
        thread_state.depth = 0
    assert seen == ["something", 2]


def test_what_takes_too_long_is_given_up_and_others_fail_at_once_meanwhile() -> None:
    limited = Limited(sink := Blocking(), 0.01)
    for _ in range(3):
        limited.emit(of("a"))
    assert limited.stats.totals().dropped_by == {"timeout": 1, "busy": 2}
    (thread,) = (each for each in threading.enumerate() if each.name == "perfkit-test-limit")
    sink.may_go_on.set()
    thread.join()
    assert len(sink.got) == 1
    assert limited.stats.totals().delivered == 0


def test_when_what_hung_has_ended_all_is_well_again() -> None:
    limited = Limited(sink := Blocking(), 0.01)
    limited.emit(of("a"))
    (thread,) = (each for each in threading.enumerate() if each.name == "perfkit-test-limit")
    sink.may_go_on.set()
    thread.join()
    limited.layer._seconds = 30.0
    limited.emit(of("b"))
    assert limited.stats.totals().delivered == 1


def test_who_waits_for_a_delivery_that_hangs_stops_waiting_with_it() -> None:
    limited = Limited(sink := Blocking(), 0.05)
    in_threads(lambda _: limited.emit(of("a")), 4)
    dropped = limited.stats.totals().dropped_by
    assert dropped["timeout"] == 1
    assert dropped["busy"] == 3
    (thread,) = (each for each in threading.enumerate() if each.name == "perfkit-test-limit")
    sink.may_go_on.set()
    thread.join()


def test_a_sink_that_delivers_to_itself_does_not_wait_for_itself() -> None:
    reasons: list[str] = []

    def emit(_: Violation) -> None:
        with pytest.raises(DeliveryError) as caught:
            layer.emit(of("b"))
        reasons.append(caught.value.reason)

    layer = TimeLimited(Calls(emit), 30.0)
    layer.emit(of("a"))
    assert reasons == ["busy"]


def test_where_no_thread_can_be_had_nothing_stays_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    layer = TimeLimited(sink := Kept(), 30.0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(DeliveryError, match="can't start new thread"):
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
