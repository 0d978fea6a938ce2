"""A sink that forks is given little, since forks slow all threads down, and leaves nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import perfkit
from perfkit import Violation
from perfkit.model import Sink
from perfkit.sinks import Batched, FanOut, TimeLimited
from perfkit.sinks.delivery.queue import FORK_SECONDS
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
    lost = 20 if sys.version_info[:2] == (3, 12) else 0  # that one forks no more once it ends
    assert ended.told == [[20, [20, 20 - lost, 0, lost, 0]]]
    assert_quiet(ended)


class Noting:
    """Forks, and notes in a file who has come back from that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.children: list[int] = []

    def emit(self, _: Violation) -> None:
        if child := os.fork():
            self.children.append(child)
        with self.path.open("a") as file:
            file.write("parent\n" if child else "child\n")

    def codes(self) -> list[int]:
        """Wait for the children, and return what they ended with."""
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in self.children]


def in_a_batch(sink: Sink, _: Sink) -> Sink:
    return Batched(sink, 100, 0.05)


def in_a_fan_out(sink: Sink, other: Sink) -> Sink:
    return FanOut([sink, other])


@pytest.mark.parametrize("delivery", ["background", "inline"])
@pytest.mark.parametrize("wrapped", [in_a_batch, in_a_fan_out])
def test_its_child_does_nothing_that_is_left_to_do(
    wrapped: Callable[[Sink, Sink], Sink], delivery: Any, tmp_path: Path
) -> None:
    """Neither the rest of a batch, nor the other sinks, nor what the application does next."""
    forking, other = Noting(tmp_path / "forking"), Noting(tmp_path / "other")
    sinks = [wrapped(forking, other), Hearing()]
    perfkit.configure(perfkit.Catalog(), sinks=sinks, delivery=delivery)
    break_budgets(2)
    assert perfkit.flush_sinks(LONGEST)
    assert set(forking.codes() + other.codes()) == {0}
    for sink in (forking, other) if wrapped is in_a_fan_out else (forking,):
        assert sorted(sink.path.read_text().split()) == ["child"] * 2 + ["parent"] * 2


@pytest.mark.parametrize(
    ("error", "code"), [(SystemExit(3), 3), (SystemExit(), 0), (OSError("no"), 1)]
)
def test_its_child_ends_with_what_it_raises_there(error: BaseException, code: int) -> None:
    children: list[int] = []

    def fork(_: Violation) -> None:
        if child := os.fork():
            children.append(child)
        else:
            raise error

    perfkit.configure(perfkit.Catalog(), sinks=[fork], delivery="background")
    break_budgets(1)
    assert perfkit.flush_sinks(LONGEST)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [code]


def test_a_reset_does_not_let_loose_what_waits_for_it() -> None:
    forking = TimedForking()
    perfkit.configure(perfkit.Catalog(), sinks=[forking], delivery="background")
    break_budgets(4)
    assert forking.has_begun.wait(LONGEST)
    perfkit.reset()  # waits a second for its sinks, and no longer
    assert len(forking.called_at) < 4
    assert perfkit.flush_sinks(LONGEST)
    gaps = [later - earlier for earlier, later in pairwise(forking.called_at)]
    assert len(gaps) == 3
    assert min(gaps) >= FORK_SECONDS * 0.99
    forking.reap()


_WORKER = """
    import multiprocessing
    context = multiprocessing.get_context("fork")
    reports = context.Queue()

    def work():
        heard = []
        perfkit.configure(perfkit.Catalog(), sinks=[heard.append], delivery="inline",
                          unknown_budgets="ignore")
        break_budgets(5)
        reports.put(len(heard))

    def start_a_worker(_):
        worker = context.Process(target=work)
        worker.start()
        worker.join()

    perfkit.configure(perfkit.Catalog(), sinks=[start_a_worker], delivery={delivery!r},
                      unknown_budgets="ignore")
    break_budgets(1)
    tell(reports.get(timeout=50))
"""


@pytest.mark.parametrize("delivery", ["background", "inline"])
def test_a_worker_that_a_sink_starts_delivers_its_own(delivery: str) -> None:
    ended = run(_WORKER.format(delivery=delivery))
    assert ended.code == 0, ended.errors
    assert ended.told == [5]
