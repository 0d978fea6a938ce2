"""Sinks' threads wake seldom and one after the other, and what nobody waits for is still done."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from unittest.mock import MagicMock

import pytest

from perfkit import Violation
from perfkit.sinks import Background, Batched, CallbackSink
from perfkit.sinks.delivery.layer import supports_batch, tick_of
from perfkit.sinks.delivery.waking import BETWEEN_SECONDS, Waker
from tests.processes import environment
from tests.sinks.violations import make_violation

_LONGEST = 20.0
"""Seconds: far longer than anything here takes, unless it hangs."""


@pytest.fixture
def waker() -> Iterator[Waker]:
    waker = Waker()
    yield waker
    waker.close()


class Sleeper:
    """Notes when it was woken."""

    def __init__(self) -> None:
        self.woken_at: list[float] = []
        self.is_awake = threading.Event()

    def wake(self) -> None:
        self.woken_at.append(time.monotonic())
        self.is_awake.set()


def test_each_note_wakes_and_never_two_at_once(waker: Waker) -> None:
    sleepers = [Sleeper() for _ in range(5)]
    for sleeper in sleepers:
        waker.leave_note(sleeper)
    for sleeper in sleepers:
        assert sleeper.is_awake.wait(_LONGEST)
    woken_at = [at for sleeper in sleepers for at in sleeper.woken_at]
    assert len(woken_at) == 5
    assert woken_at == sorted(woken_at)
    gaps = [later - earlier for earlier, later in pairwise(woken_at)]
    assert min(gaps) >= BETWEEN_SECONDS * 0.9  # clocks are not that exact


def test_what_cannot_be_woken_does_not_keep_the_others_asleep(waker: Waker) -> None:
    class Broken:
        def wake(self) -> None:
            raise RuntimeError("no thread")

    sleeper = Sleeper()
    waker.leave_note(Broken())
    waker.leave_note(sleeper)
    assert sleeper.is_awake.wait(_LONGEST)


def test_a_flush_without_time_is_done_all_the_same() -> None:
    has_come, heard = threading.Event(), []

    def hear(violation: Violation) -> None:
        heard.append(violation)
        has_come.set()

    background = Background(Batched(CallbackSink(hear), 100, 3600.0))
    try:
        background.emit(make_violation())
        assert not background.flush(0.0)
        assert has_come.wait(_LONGEST)  # though the batch was to wait for an hour
        assert len(heard) == 1
    finally:
        assert background.close(_LONGEST)


def test_a_flush_without_time_that_nothing_waits_for_wakes_nobody() -> None:
    background = Background(CallbackSink(lambda _: None))
    assert background.flush(0.0)
    assert not [each for each in threading.enumerate() if each.name == "perfkit-Background"]


class Nonsensical:
    """A sink whose every method answers with nonsense."""

    def emit(self, violation: Violation) -> None:
        pass

    def tick(self) -> str:
        return "soon"


def test_a_tick_that_answers_nonsense_is_not_waited_for() -> None:
    assert tick_of(Nonsensical()) is None


def test_a_mock_is_a_sink_of_single_violations_that_never_ticks() -> None:
    mock = MagicMock()
    assert tick_of(mock) is None
    assert not supports_batch(mock)
    mock.tick.assert_not_called()


_BREAK_A_BUDGET = """
import sys
import perfkit

heard = []
perfkit.configure(perfkit.Catalog(), sinks=["log", heard.append], unknown_budgets="ignore")

@perfkit.timed("kept", threshold="1h")
def kept(): pass

@perfkit.timed("broken", threshold="0s")
def broken(): pass

kept()
before = set(sys.modules)
broken()
after = set(sys.modules)
assert perfkit.flush_sinks() and len(heard) == 1, heard
print(sorted(after - before))
"""


def test_the_first_broken_budget_does_not_wait_for_code_to_load() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BREAK_A_BUDGET],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
