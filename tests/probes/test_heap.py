"""The traced heap, under strangers, nesting, steps and forks."""

from __future__ import annotations

import os
import threading
import tracemalloc

import pytest

from perfkit.model import Metric, Reading
from perfkit.probes.heap import LOST, HeapProbe


def _peak(size: int) -> Reading:
    session = HeapProbe().open()
    session.resume()
    bytearray(size)
    session.suspend()
    return session.close()[Metric.MEMORY_PEAK]


def test_tracing_stops_with_the_last_session_only() -> None:
    probe = HeapProbe()
    first, second = probe.open(), probe.open()
    first.close()
    assert tracemalloc.is_tracing()
    second.close()
    assert not tracemalloc.is_tracing()


def test_tracing_that_a_stranger_started_goes_on() -> None:
    tracemalloc.start(7)
    try:
        assert _peak(1_000_000).value == pytest.approx(1e6, rel=0.01)
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_traceback_limit() == 7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("restart", [False, True])
def test_traces_that_a_stranger_stopped_leave_no_value(restart: bool) -> None:  # noqa: FBT001 - a pytest parameter
    session = HeapProbe().open()
    session.resume()
    tracemalloc.stop()
    if restart:
        tracemalloc.start()
    session.suspend()
    reading = session.close()[Metric.MEMORY_PEAK]
    tracemalloc.stop()
    assert (reading.value, reading.reason) == (None, LOST)


def test_traces_that_a_stranger_cleared_leave_no_value() -> None:
    session = HeapProbe().open()
    session.resume()
    tracemalloc.clear_traces()
    session.suspend()
    assert session.close()[Metric.MEMORY_PEAK].value is None


def test_windows_that_overlap_without_nesting_are_each_right() -> None:
    """A: 0-2, B: 1-3; 40 MB come in A's own time, 10 MB in both, 20 MB in B's own."""
    probe = HeapProbe()
    first, second = probe.open(), probe.open()
    first.resume()
    bytearray(40_000_000)
    second.resume()
    bytearray(10_000_000)
    first.suspend()
    bytearray(20_000_000)
    second.suspend()
    peaks = [session.close()[Metric.MEMORY_PEAK].value for session in (first, second)]
    assert peaks == [pytest.approx(40e6, rel=0.01), pytest.approx(20e6, rel=0.01)]


def test_what_a_suspended_session_holds_counts_in_its_later_steps() -> None:
    session = HeapProbe().open()
    session.resume()
    held = bytearray(30_000_000)
    session.suspend()
    bytearray(500_000_000)
    session.resume()
    bytearray(5_000_000)
    session.suspend()
    del held
    assert session.close()[Metric.MEMORY_PEAK].value == pytest.approx(35e6, rel=0.01)


def test_a_child_process_drops_what_the_parents_threads_held() -> None:
    """A fork in the middle of another thread's session must not leave the child tracing."""
    entered, done = threading.Event(), threading.Event()

    def hold() -> None:
        session = HeapProbe().open()
        session.resume()
        entered.set()
        done.wait()
        session.suspend()
        session.close()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        sound = not tracemalloc.is_tracing() and (_peak(1_000_000).value or 0) > 900_000
        os._exit(0 if sound and not tracemalloc.is_tracing() else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
