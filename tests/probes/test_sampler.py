"""How samples of stacks count, and how their thread starts and ends."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from perfkit.instruments.wrapping import wrap
from perfkit.probes import stack
from perfkit.probes.frames import DEPTH
from perfkit.probes.stack import NO_SAMPLES, StackProbe
from tests.fixtures import Seen
from tests.probes.conftest import (
    AT_MOST_SECONDS,
    STACK,
    Enough,
    evidence_of,
    functions_of,
    holds_in_child,
    query,
)


def _spin(until: Callable[[], bool]) -> None:
    while not until():
        pass


# -- how samples count


def test_a_late_sample_counts_for_the_intervals_that_it_missed() -> None:
    session = StackProbe(interval=1000).open()
    session.resume()
    session.sample(sys._current_frames(), time.monotonic() + 5500)
    session.suspend()
    session.close()
    assert sum(session.evidence()[0].detail.values()) == 5


def test_stacks_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "MOST_STACKS", 2)
    session = StackProbe(interval=1000).open()
    session.resume()
    now = time.monotonic()
    session.sample(sys._current_frames(), now)
    session.sample(sys._current_frames(), now)
    session.sample(sys._current_frames(), now)
    session.sample(sys._current_frames(), now)
    session.close()
    evidence = session.evidence()[0]
    assert evidence.detail["(other stacks)"] == 2
    assert evidence.rows[-1]["function"] == "(other stacks)"


def test_a_deep_stack_keeps_its_inner_frames() -> None:
    session = StackProbe(interval=1000).open()

    def deeper(levels: int) -> None:
        if levels:
            return deeper(levels - 1)
        return innermost()

    def innermost() -> None:
        session.sample(sys._current_frames(), time.monotonic())

    session.resume()
    deeper(300)
    session.close()
    (collapsed,) = session.evidence()[0].detail
    assert collapsed.count(";") == DEPTH - 1
    assert "innermost" in collapsed.split(";")[-1]


def test_odd_frames_end_in_a_note_and_not_in_the_application() -> None:
    class Broken(dict[int, Any]):
        def get(self, *_: Any) -> Any:
            raise LookupError

    session = StackProbe(interval=1000).open()
    session.resume()
    session.sample(Broken(), time.monotonic())
    session.close()
    assert session.evidence()[0].note == "sampling failed: LookupError"


# -- nothing is left behind


def _samplers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "perfkit-sampler"]


def test_sessions_share_one_thread_which_ends_with_the_last() -> None:
    first, second = StackProbe().open(), StackProbe().open()
    assert not _samplers()
    first.resume()
    second.resume()
    assert len(_samplers()) == 1
    first.close()
    assert len(_samplers()) == 1
    second.close()
    assert not _samplers()


def test_a_session_of_a_shorter_interval_need_not_wait_for_the_others(enough: Enough) -> None:
    slow = StackProbe(interval=1000).open()
    slow.resume()
    quick = enough.open()
    quick.resume()
    _spin(lambda: enough.of(0, 2))
    quick.close()
    slow.close()
    assert enough.taken(0) >= 2


def test_an_abandoned_session_is_not_sampled_for_ever() -> None:
    session = StackProbe(interval=0.001).open()
    session.resume()
    session.suspend()
    (thread,) = _samplers()
    del session
    thread.join(AT_MOST_SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_calls_that_fail_leave_no_thread(
    watched: Seen, enough: Enough, error: type[BaseException]
) -> None:
    async def handler() -> None:
        await query(lambda: enough.of(0, 2))
        raise error

    def drive() -> None:
        with asyncio.Runner() as runner:
            runner.run(wrap(handler, STACK)())

    with pytest.raises(error):
        drive()
    assert not _samplers()
    assert "query" in functions_of(evidence_of(watched))


def test_local_variables_die_with_the_call(watched: Seen, enough: Enough) -> None:
    """No frame is held after a step: its variables are freed without a collection."""

    class Large:
        pass

    held: list[weakref.ref[Large]] = []

    def handler() -> None:
        large = Large()
        held.append(weakref.ref(large))
        _spin(lambda: enough.of(0, 5))

    gc.disable()
    try:
        wrap(handler, STACK)()
        is_freed = held[0]() is None
    finally:
        gc.enable()
    assert is_freed


def test_collection_stays_on_or_off_as_it_was(enough: Enough) -> None:
    for is_on in (False, True):
        (gc.enable if is_on else gc.disable)()
        session = StackProbe(interval=0.001).open()
        enough.sessions = [session]
        session.resume()
        _spin(lambda: enough.of(0, 2))
        session.close()
        assert gc.isenabled() is is_on


def test_without_a_thread_there_are_no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    session = StackProbe().open()
    with monkeypatch.context() as patched:
        patched.setattr(stack._Thread, "start", refuse)
        session.resume()
    session.suspend()
    session.close()
    assert session.evidence()[0].note == NO_SAMPLES


def test_a_child_process_samples_with_a_thread_of_its_own(enough: Enough) -> None:
    session = enough.open()
    session.resume()

    def samples() -> bool:
        session.close()
        own = enough.open()
        own.resume()
        _spin(lambda: enough.of(1, 2))
        own.close()
        return enough.taken(1) >= 2 and not _samplers()

    assert holds_in_child(samples)
    session.close()
