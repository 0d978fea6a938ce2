"""Allocation sites: which lines hold the memory, and when that cannot be said."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from perfkit.instruments.wrapping import wrap
from perfkit.model import Evidence, Metric
from perfkit.probes import heap_sites
from perfkit.probes.frame_owner import is_perfkits
from perfkit.probes.heap import HeapProbe
from perfkit.probes.heap_sites import LOST, MIXED, TOO_MANY, HeapSitesProbe
from perfkit.runtime.callsite_options import CallsiteOptions
from tests.fixtures import Seen
from tests.probes.conftest import another_thread

MEMORY = CallsiteOptions(explain=frozenset({"memory"}))
HERE = "test_heap_sites.py"


def _hold(size: int) -> bytearray:
    return bytearray(size)


LINE_OF_HOLD = _hold.__code__.co_firstlineno + 1


def _sites(code: Callable[[], Any]) -> Evidence:
    """Run `code` in a session and return the evidence; what it returns is held to the end."""
    session = HeapSitesProbe().open()
    session.resume()
    held = code()
    session.suspend()
    session.close()
    del held
    evidence: Evidence = session.evidence()[0]
    return evidence


@pytest.fixture
def foreign_tracing() -> Iterator[None]:
    tracemalloc.start(3)
    yield
    assert tracemalloc.get_traceback_limit() == 3
    tracemalloc.stop()


def test_the_line_that_holds_the_memory_is_named() -> None:
    evidence = _sites(lambda: [_hold(1_000_000) for _ in range(3)])
    top = evidence.rows[0]
    assert (evidence.kind, evidence.note) == ("memory", "")
    assert (top["file"], top["line"], top["origin"]) == (__file__, LINE_OF_HOLD, "")
    assert top["bytes"] == pytest.approx(3e6, rel=0.01)
    assert evidence.summary.startswith("3 MB in ")
    assert evidence.summary.endswith(f" at {HERE}:{LINE_OF_HOLD}")
    assert top["trace"].startswith(f"{HERE}:{LINE_OF_HOLD} <- {HERE}:")


def test_memory_that_was_freed_is_not_listed() -> None:
    evidence = _sites(lambda: len(_hold(10_000_000)))
    assert all(row["bytes"] < 100_000 for row in evidence.rows)


def test_what_a_library_allocated_shows_who_called_it() -> None:
    text = json.dumps(["x" * 200 + str(number) for number in range(2000)])

    def handler() -> Any:
        return json.loads(text)

    top = _sites(handler).rows[0]
    assert top["file"].endswith("decoder.py")
    assert top["origin"] == f"{__file__}:{handler.__code__.co_firstlineno + 1}"


def test_no_row_is_perfkits_own(seen: Seen) -> None:
    wrap(lambda: None, MEMORY)()
    files = {row["file"] for row in seen.measurements[0].evidence[0].rows}
    assert not [file for file in files if is_perfkits(file) or file == tracemalloc.__file__]


@pytest.mark.usefixtures("foreign_tracing")
def test_where_tracing_was_on_what_was_held_before_is_taken_off() -> None:
    before = _hold(5_000_000)
    evidence = _sites(lambda: _hold(1_000_000))
    assert evidence.rows[0]["line"] == LINE_OF_HOLD
    assert evidence.rows[0]["bytes"] == pytest.approx(1e6, rel=0.01)
    assert (evidence.rows[0]["blocks"], evidence.note) == (2, "")  # the object and its buffer
    del before


@pytest.mark.usefixtures("foreign_tracing")
def test_where_tracing_was_on_too_many_blocks_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heap_sites, "MOST_BLOCKS", 0)
    evidence = _sites(lambda: _hold(1_000_000))
    assert (evidence.note, evidence.rows) == (TOO_MANY, ())


def test_a_call_that_holds_too_many_blocks_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heap_sites, "MOST_OWN_BLOCKS", 500)
    evidence = _sites(lambda: [[] for _ in range(1000)])
    assert (evidence.note, evidence.rows) == (TOO_MANY, ())


@pytest.mark.parametrize("lose", [tracemalloc.stop, tracemalloc.clear_traces])
def test_traces_that_a_stranger_stopped_or_cleared_are_called_lost(lose: Any) -> None:
    evidence = _sites(lose)
    assert (evidence.note, evidence.rows) == (LOST, ())


def test_nested_sessions_each_say_what_they_hold() -> None:
    inner: list[Evidence] = []

    def outer() -> Any:
        held = _hold(4_000_000)
        inner.append(_sites(lambda: _hold(1_000_000)))
        assert tracemalloc.is_tracing()
        return held

    assert _sites(outer).rows[0]["bytes"] == pytest.approx(4e6, rel=0.01)
    assert inner[0].rows[0]["bytes"] == pytest.approx(1e6, rel=0.01)


def test_beside_the_peak_the_traces_are_long_and_both_are_right(seen: Seen) -> None:
    request = CallsiteOptions(
        explain=frozenset({"memory"}), metrics=frozenset({Metric.MEMORY_PEAK})
    )
    wrap(_hold, request)(2_000_000)
    (measurement,) = seen.measurements
    top = measurement.evidence[0].rows[0]
    assert measurement.value(Metric.MEMORY_PEAK) == pytest.approx(2e6, rel=0.01)
    assert top["bytes"] == pytest.approx(2e6, rel=0.01)
    assert " <- " in top["trace"]


def test_a_tracer_that_was_started_by_another_probe_will_do() -> None:
    other = HeapProbe().open()
    evidence = _sites(lambda: _hold(1_000_000))
    other.close()
    assert evidence.rows[0]["bytes"] == pytest.approx(1e6, rel=0.01)
    assert evidence.rows[0]["trace"] == f"{HERE}:{LINE_OF_HOLD}"


def test_coroutines_that_rest_say_that_other_code_ran(seen: Seen) -> None:
    async def handler(size: int) -> bytearray:
        held = _hold(size)
        await asyncio.sleep(0)
        return held

    async def main() -> None:
        await asyncio.gather(*(wrap(handler, MEMORY)(size) for size in (1_000_000, 2_000_000)))

    asyncio.run(main())
    notes = [measurement.evidence[0].note for measurement in seen.measurements]
    lines = [measurement.evidence[0].rows[0]["line"] for measurement in seen.measurements]
    assert notes == [MIXED, MIXED]
    assert lines == [LINE_OF_HOLD, LINE_OF_HOLD]


def test_a_coroutine_that_never_rests_is_not_mixed(seen: Seen) -> None:
    async def handler() -> bytearray:
        return _hold(1_000_000)

    asyncio.run(wrap(handler, MEMORY)())
    assert seen.measurements[0].evidence[0].note == ""


def test_another_thread_may_be_among_it() -> None:
    with another_thread(lambda pause: pause()):
        assert _sites(lambda: _hold(1_000_000)).note == MIXED


def test_a_generator_is_looked_at_when_it_ends(seen: Seen) -> None:
    def numbers() -> Iterator[bytearray]:
        held = [_hold(1_000_000)]
        yield held[0]
        held.append(_hold(1_000_000))
        yield held[1]

    kept = list(wrap(numbers, MEMORY)())
    top = seen.measurements[0].evidence[0].rows[0]
    assert top["bytes"] == pytest.approx(2e6, rel=0.01)
    del kept


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_calls_that_fail_leave_no_tracing(seen: Seen, error: type[BaseException]) -> None:
    def inner() -> None:
        raise error

    def outer() -> None:
        wrap(inner, MEMORY)()

    with pytest.raises(error):
        wrap(outer, MEMORY)()
    assert not tracemalloc.is_tracing()
    assert len(seen.measurements) == 2


def test_a_look_that_fails_gives_the_lease_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise MemoryError

    other = HeapProbe().open()
    monkeypatch.setattr(tracemalloc, "take_snapshot", fail)
    with pytest.raises(MemoryError):
        HeapSitesProbe().open()
    other.close()
    assert not tracemalloc.is_tracing()
    session = HeapSitesProbe().open()
    with pytest.raises(MemoryError):
        session.close()
    assert not tracemalloc.is_tracing()
