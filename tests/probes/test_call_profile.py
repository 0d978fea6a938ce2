"""The call profile: one slot, never fought over."""

from __future__ import annotations

import asyncio
import cProfile
import io
import marshal
import pstats
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perfkit.instruments.wrapping import wrap
from perfkit.model import Evidence
from perfkit.probes.call_profile import BUSY, MIXED, CallProfileProbe
from perfkit.probes.frame_owner import is_perfkits
from perfkit.runtime.callsite_options import CallsiteOptions
from tests.fixtures import Seen
from tests.probes.conftest import another_thread, holds_in_child, in_thread, measured

CPU = CallsiteOptions(explain=frozenset({"cpu"}))


def _work() -> int:
    return sum(number * number for number in range(1000))


def _profiled() -> Evidence:
    session = CallProfileProbe().open()
    session.resume()
    _work()
    session.suspend()
    session.close()
    evidence: Evidence = session.evidence()[0]
    return evidence


def test_a_profile_inside_a_profile_is_busy_and_the_outer_one_stays_whole() -> None:
    outer = CallProfileProbe().open()
    outer.resume()
    inner = _profiled()
    _work()
    outer.suspend()
    outer.close()
    assert (inner.note, inner.rows) == (BUSY, ())
    rows = {row["function"]: row["calls"] for row in outer.evidence()[0].rows}
    assert rows["_work"] == 2


def test_a_strangers_profiler_goes_on_undisturbed() -> None:
    theirs = cProfile.Profile()
    theirs.enable()
    try:
        evidence = _profiled()
    finally:
        theirs.disable()
    theirs.create_stats()
    assert evidence.note == BUSY
    assert any(key[2] == "_work" for key in theirs.stats)  # type: ignore[attr-defined]  # set by create_stats


def test_a_strangers_profile_hook_is_left_in_place() -> None:
    def hook(*_: Any) -> None:
        return None

    sys.setprofile(hook)
    try:
        evidence = _profiled()
        assert sys.getprofile() is hook
    finally:
        sys.setprofile(None)
    assert evidence.note == BUSY


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 a profile is of one thread")
def test_with_several_threads_a_profile_is_called_mixed() -> None:
    with another_thread(lambda pause: pause()):
        assert _profiled().note == MIXED


# -- what the evidence holds


def test_the_whole_profile_is_what_pstats_reads(tmp_path: Path) -> None:
    path = tmp_path / "work.pstats"
    path.write_bytes(marshal.dumps(_profiled().detail))
    stats = pstats.Stats(str(path), stream=io.StringIO())
    functions = stats.get_stats_profile().func_profiles
    assert functions["_work"].ncalls == "1"
    assert stats.print_stats() is stats
    assert stats.print_callers() is stats


def test_perfkits_own_functions_are_not_among_the_rows(seen: Seen) -> None:
    measured_work = wrap(_work, CallsiteOptions())
    measured_work()

    def handler() -> None:
        measured_work()
        measured_work()

    measured_handler = wrap(handler, CPU)
    # The first call loads modules of perfkit, whose imports would push the work out of the rows.
    measured_handler()
    measured_handler()
    evidence = seen.measurements[-1].evidence[0]
    files = {row["file"] for row in evidence.rows}
    assert "<genexpr>" in {row["function"] for row in evidence.rows}
    assert not [file for file in files if is_perfkits(file)]
    assert not [key for key in evidence.detail if "_lsprof" in key[2]]


def test_the_summary_counts_the_calls() -> None:
    summary = _profiled().summary
    assert re.fullmatch(r"[\d.e-]+ ms in \S.* \((1 call|\d+ calls)\)", summary)


# -- calls that suspend


def test_each_of_two_tasks_has_a_profile_of_its_own_steps(seen: Seen) -> None:
    async def first() -> None:
        await asyncio.sleep(0)
        _work()
        await asyncio.sleep(0)

    async def second() -> None:
        for _ in range(3):
            _more_work()
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(wrap(first, CPU)(), wrap(second, CPU)())

    asyncio.run(main())
    calls = {
        each.where.function.rpartition(".")[2]: _calls(each.evidence[0])
        for each in seen.measurements
    }
    assert calls["first"]["_work"] == 1
    assert calls["second"]["_more_work"] == 3
    assert "_more_work" not in calls["first"]
    assert "_work" not in calls["second"]
    assert [each.evidence[0].note for each in seen.measurements] == ["", ""]


def test_a_generator_is_profiled_without_its_consumer(seen: Seen) -> None:
    def numbers() -> Iterator[int]:
        for number in range(3):
            _work()
            yield number

    for _ in wrap(numbers, CPU)():
        _more_work()
    calls = _calls(seen.measurements[0].evidence[0])
    assert calls["_work"] == 3
    assert "_more_work" not in calls


def _more_work() -> int:
    return len([number for number in range(1000)])  # noqa: C416 - it is to take time


def _calls(evidence: Evidence) -> dict[str, int]:
    return {name: entry[1] for (_, _, name), entry in evidence.detail.items()}


# -- nothing is left behind


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_calls_that_fail_inside_each_other_leave_no_profiler(
    seen: Seen, error: type[BaseException]
) -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        raise error

    async def outer() -> None:
        await wrap(inner, CPU)()

    def drive() -> None:
        with asyncio.Runner() as runner:
            runner.run(wrap(outer, CPU)())

    with pytest.raises(error):
        drive()
    assert sys.getprofile() is None
    assert len(seen.measurements) == 2
    assert {each.evidence[0].note for each in seen.measurements} == {"", BUSY}
    again = _profiled()
    assert again.note == ""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_the_interpreters_place_for_profilers_is_free_afterwards() -> None:
    _profiled()
    assert sys.monitoring.get_tool(sys.monitoring.PROFILER_ID) is None  # type: ignore[attr-defined]  # new in 3.12


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 these do not share a hook")
def test_a_hook_that_the_measured_code_sets_stays() -> None:
    def hook(*_: Any) -> None:
        return None

    session = CallProfileProbe().open()
    session.resume()
    sys.setprofile(hook)
    session.suspend()
    session.close()
    try:
        assert sys.getprofile() is hook
    finally:
        sys.setprofile(None)
    assert session.evidence()[0].note == BUSY


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 the second one is refused")
def test_a_profiler_that_the_measured_code_starts_goes_on() -> None:
    theirs = cProfile.Profile()
    session = CallProfileProbe().open()
    session.resume()
    theirs.enable()
    session.suspend()
    session.close()
    _work()
    theirs.disable()
    theirs.create_stats()
    assert any(key[2] == "_work" for key in theirs.stats)  # type: ignore[attr-defined]  # set by create_stats


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 a profile is of one thread")
def test_threads_that_came_and_went_make_a_profile_mixed(seen: Seen) -> None:
    wrap(lambda: in_thread(_work), CPU)()
    assert seen.measurements[0].evidence[0].note == MIXED


def test_a_child_process_is_free_of_what_the_parents_threads_had_armed() -> None:
    def is_free() -> bool:
        evidence = _profiled()
        return evidence.note == "" and "_work" in _calls(evidence)

    with another_thread(lambda pause: measured(CallProfileProbe(), pause)):
        assert holds_in_child(is_free)
