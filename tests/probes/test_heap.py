"""The traced heap, under strangers, nesting, steps, threads and forks."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from perfkit.model import Metric, Reading, Scope
from perfkit.probes.heap import CONTENDED, LOST, TRACER, HeapProbe
from tests.probes.conftest import another_thread, holds_in_child, in_thread, measured

MB = 1_000_000


def _measured(work: Callable[[], object]) -> Mapping[Metric, Reading]:
    return measured(HeapProbe(), work)


def _peak(size: int) -> Reading:
    return _measured(lambda: bytearray(size))[Metric.MEMORY_PEAK]


@pytest.fixture
def foreign_tracing() -> Iterator[None]:
    """Tracing that somebody else has started, with 7 frames."""
    tracemalloc.start(7)
    yield
    tracemalloc.stop()


def test_threads_that_overlap_are_marked_contended() -> None:
    theirs: list[Reading] = []
    with another_thread(lambda pause: theirs.append(_measured(pause)[Metric.MEMORY_PEAK])):
        mine = _peak(10 * MB)
    for reading in (mine, *theirs):
        about = (reading.contended, reading.scope, reading.reason)
        assert about == (True, Scope.PROCESS, CONTENDED)


def test_tasks_that_overlap_within_their_steps_are_marked_contended() -> None:
    async def hold() -> bool:
        session = HeapProbe().open()
        session.resume()
        await asyncio.sleep(0)
        session.suspend()
        return session.close()[Metric.MEMORY_PEAK].contended

    async def run() -> list[bool]:
        return await asyncio.gather(hold(), hold())

    assert asyncio.run(run()) == [True, True]


def test_threads_one_after_the_other_are_right() -> None:
    peaks: list[Reading] = []
    for size in (10 * MB, 50 * MB):
        in_thread(lambda size=size: peaks.append(_peak(size)))  # type: ignore[misc]  # a default
    values = [pytest.approx(size * MB, rel=0.01) for size in (10, 50)]
    assert [each.value for each in peaks] == values
    assert {(each.contended, each.scope) for each in peaks} == {(False, Scope.CALL)}


def test_windows_that_overlap_without_nesting_are_each_right() -> None:
    """A: 0-2, B: 1-3; 40 MB come in A's own time, 10 MB in both, 20 MB in B's own."""
    probe = HeapProbe()
    first, second = probe.open(), probe.open()
    first.resume()
    bytearray(40 * MB)
    second.resume()
    bytearray(10 * MB)
    first.suspend()
    bytearray(20 * MB)
    second.suspend()
    peaks = [session.close()[Metric.MEMORY_PEAK].value for session in (first, second)]
    assert peaks == [pytest.approx(40 * MB, rel=0.01), pytest.approx(20 * MB, rel=0.01)]


def test_what_a_suspended_session_holds_counts_in_its_later_steps() -> None:
    session = HeapProbe().open()
    session.resume()
    held = bytearray(30 * MB)
    session.suspend()
    bytearray(500 * MB)
    session.resume()
    bytearray(5 * MB)
    session.suspend()
    del held
    assert session.close()[Metric.MEMORY_PEAK].value == pytest.approx(35 * MB, rel=0.01)


def test_net_use_is_what_is_still_held_at_the_end() -> None:
    held: list[bytearray] = []

    def work() -> None:
        held.append(bytearray(3 * MB))
        bytearray(20 * MB)

    assert _measured(work)[Metric.MEMORY_NET].value == pytest.approx(3 * MB, rel=0.01)


def test_net_use_is_negative_where_more_is_freed_than_taken(foreign_tracing: None) -> None:
    held = [bytearray(9 * MB)]
    assert _measured(held.clear)[Metric.MEMORY_NET].value == pytest.approx(-9 * MB, rel=0.01)


def test_net_use_is_of_the_calls_own_steps_only() -> None:
    session = HeapProbe().open()
    session.resume()
    mine = [bytearray(4 * MB)]
    session.suspend()
    theirs = bytearray(50 * MB)
    session.resume()
    mine.append(bytearray(2 * MB))
    session.suspend()
    assert session.close()[Metric.MEMORY_NET].value == pytest.approx(6 * MB, rel=0.01)
    del mine, theirs


def test_tracing_stops_with_the_last_session_only() -> None:
    probe = HeapProbe()
    first, second = probe.open(), probe.open()
    first.close()
    assert tracemalloc.is_tracing()
    second.close()
    assert not tracemalloc.is_tracing()


def test_a_session_that_never_ran_leaves_no_tracing() -> None:
    assert HeapProbe().open().close()[Metric.MEMORY_PEAK].value == 0
    assert not tracemalloc.is_tracing()


def test_tracing_that_a_stranger_started_goes_on(foreign_tracing: None) -> None:
    assert _peak(MB).value == pytest.approx(MB, rel=0.01)
    assert tracemalloc.is_tracing()
    assert tracemalloc.get_traceback_limit() == 7


def test_tracing_that_a_stranger_started_in_place_of_ours_goes_on() -> None:
    def work() -> None:
        tracemalloc.stop()
        tracemalloc.start(7)

    reading = _measured(work)[Metric.MEMORY_PEAK]
    assert tracemalloc.is_tracing()
    tracemalloc.stop()
    assert (reading.value, reading.reason) == (None, LOST)


@pytest.mark.parametrize("metric", [Metric.MEMORY_PEAK, Metric.MEMORY_NET])
@pytest.mark.parametrize("meddle", [tracemalloc.stop, tracemalloc.clear_traces])
def test_traces_that_a_stranger_took_away_leave_no_value(
    meddle: Callable[[], None], metric: Metric
) -> None:
    reading = _measured(meddle)[metric]
    assert (reading.value, reading.reason) == (None, LOST)
    assert not tracemalloc.is_tracing()


def test_a_session_opened_after_a_stranger_stopped_the_traces_is_right() -> None:
    first = HeapProbe().open()
    first.resume()
    tracemalloc.stop()
    assert _peak(5 * MB).value == pytest.approx(5 * MB, rel=0.01)
    first.suspend()
    assert first.close()[Metric.MEMORY_PEAK].value is None
    assert not tracemalloc.is_tracing()


def test_the_lease_gives_the_frames_that_were_asked_for_where_tracing_was_off() -> None:
    TRACER.acquire(holder := object(), frames=12)
    assert (tracemalloc.get_traceback_limit(), TRACER.is_ours) == (12, True)
    TRACER.release(holder)
    assert (tracemalloc.is_tracing(), TRACER.is_ours) == (False, False)


def test_the_lease_keeps_the_frames_of_tracing_that_is_on(foreign_tracing: None) -> None:
    TRACER.acquire(holder := object(), frames=12)
    assert (tracemalloc.get_traceback_limit(), TRACER.is_ours) == (7, False)
    TRACER.release(holder)
    assert tracemalloc.is_tracing()


def test_a_lease_that_nobody_has_can_be_given_up() -> None:
    TRACER.release(object())
    assert not tracemalloc.is_tracing()


def test_a_measured_finalizer_inside_the_lease_does_not_hang() -> None:
    """Garbage collection may run anything, in the very thread that holds the lock."""
    with TRACER._lock:
        assert _peak(MB).value == pytest.approx(MB, rel=0.01)


def test_a_child_process_drops_what_the_parents_threads_held() -> None:
    """A fork in the middle of another thread's session must not leave the child tracing."""

    def is_sound() -> bool:
        reading = not tracemalloc.is_tracing() and _peak(MB)
        return bool(reading and not reading.contended and not tracemalloc.is_tracing())

    with another_thread(_measured):
        assert holds_in_child(is_sound)


def test_a_session_goes_on_in_a_child_process_and_ends_there() -> None:
    session = HeapProbe().open()
    session.resume()
    held: Any = bytearray(50 * MB)

    def is_sound() -> bool:
        session.suspend()
        peak = session.close()[Metric.MEMORY_PEAK].value
        return peak == pytest.approx(50 * MB, rel=0.05) and not tracemalloc.is_tracing()

    assert holds_in_child(is_sound)
    session.suspend()
    session.close()
    del held
