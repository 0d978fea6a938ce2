"""A sink that forks is given little, since forks slow all threads down, and leaves nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import perfkit
from perfkit import Violation
from perfkit.model import Sink
from perfkit.sinks import TimeLimited
from perfkit.sinks.layers.background import FORK_SECONDS
from tests.faults.conftest import Accounts
from tests.faults.programs import assert_quiet, run
from tests.faults.sinks import LONGEST, Forking, Hearing

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


class TimedForking(Forking):
    """Notes when it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.called_at: list[float] = []

    def emit(self, violation: Violation) -> Any:
        self.called_at.append(time.monotonic())
        return super().emit(violation)


def break_budgets(calls: int) -> None:
    for _ in range(calls):
        with perfkit.budget("forking", duration="0s"):
            pass


def test_it_leaves_no_process_behind(accounts: Accounts) -> None:
    forking, hearing = Forking(), Hearing()
    perfkit.configure(perfkit.Catalog(), sinks=[forking, hearing], delivery="background")
    break_budgets(3)
    assert perfkit.flush_sinks(LONGEST)
    children = len(forking.children)
    assert forking.reap() == [0] * children
    assert forking.calls == len(hearing.heard) == accounts()["Forking"].delivered == 3


def alone(sink: Sink) -> Sink:
    """Return the sink as it is."""
    return sink


def with_a_time_limit(sink: Sink) -> Sink:
    """Return the sink so that it delivers in a thread of the layer."""
    return TimeLimited(sink, LONGEST)


@pytest.mark.parametrize("wrapped", [alone, with_a_time_limit])
def test_it_is_given_one_a_second_while_the_others_get_all(wrapped: Callable[[Sink], Sink]) -> None:
    forking, hearing = TimedForking(), Hearing()
    sinks = [wrapped(forking), hearing]
    perfkit.configure(perfkit.Catalog(), sinks=sinks, delivery="background")
    break_budgets(3)
    assert perfkit.flush_sinks(LONGEST)
    assert len(hearing.heard) == len(forking.called_at) == 3
    gaps = [later - earlier for earlier, later in pairwise(forking.called_at)]
    assert min(gaps) >= FORK_SECONDS * 0.99  # two clocks
    forking.reap()


def test_the_exit_does_not_wait_between_its_deliveries() -> None:
    ended = run("""
        import atexit
        forking = Forking()
        atexit.register(lambda: tell([forking.calls, accounts()["Forking"]]))  # runs after ours
        configure(forking)
        break_budgets(20)
    """)
    assert ended.code == 0
    assert ended.told == [[20, [20, 20, 0, 0, 0]]]
    assert_quiet(ended)
