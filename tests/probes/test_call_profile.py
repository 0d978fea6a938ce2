"""The call profile: one slot, never fought over."""

from __future__ import annotations

import cProfile
import sys
import threading
from typing import Any

import pytest

from perfkit.probes.call_profile import BUSY, MIXED, CallProfileProbe


def _work() -> int:
    return sum(number * number for number in range(1000))


def _profiled() -> Any:
    session = CallProfileProbe().open()
    session.resume()
    _work()
    session.suspend()
    session.close()
    return session.evidence()[0]


def test_a_profile_lists_the_functions_that_ran() -> None:
    evidence = _profiled()
    assert "_work" in {row["function"] for row in evidence.rows}
    assert evidence.kind == "cpu"
    assert evidence.note == ""


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
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert _profiled().note == MIXED
    finally:
        done.set()
        thread.join()
