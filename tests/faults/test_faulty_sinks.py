"""A sink that is faulty loses its own violations at the most: no call and no other sink suffers."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

import perfkit
from tests.faults.conftest import Accounts
from tests.faults.sinks import (
    LONGEST,
    ChangingWhatItGets,
    EndingItsThread,
    Exhausting,
    Fault,
    Garbage,
    Hearing,
    KeepingTheLoggingLock,
    LoggingUnderTheLock,
    NoSink,
    Raising,
    RaisingTheUnprintable,
    Reconfiguring,
    Recursing,
    ReturningGarbage,
    Sleeping,
)

_CALLS = 40


def configure(*sinks: Any, delivery: Any = "background") -> None:
    perfkit.configure(perfkit.Catalog(), sinks=list(sinks), delivery=delivery)


def break_budgets(calls: int = _CALLS) -> None:
    for _ in range(calls):
        with perfkit.budget("faulty", duration="0s"):
            pass


def _wait_until(look: Callable[[], bool]) -> None:
    """Wait until something is so, for as long as a hung test may take."""
    deadline = time.monotonic() + LONGEST
    while not look():
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.005)


@pytest.mark.parametrize("delivery", ["background", "inline"])
@pytest.mark.parametrize(
    ("make", "delivered"),
    [
        (Raising, 0),
        (EndingItsThread, 0),
        (ChangingWhatItGets, 0),
        (ReturningGarbage, _CALLS),
        (LoggingUnderTheLock, _CALLS),
    ],
)
def test_what_a_sink_raises_or_returns_goes_no_further(
    make: Callable[[], Fault], delivered: int, delivery: str, accounts: Accounts
) -> None:
    faulty, before, after = make(), Hearing(), Hearing()
    configure(before, faulty, after, delivery=delivery)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert faulty.calls == len(before.heard) == len(after.heard) == _CALLS
    totals = accounts()[type(faulty).__name__]
    assert (totals.raised, totals.delivered) == (_CALLS, delivered)
    assert (totals.dropped, totals.waiting) == (_CALLS - delivered, 0)


def test_a_sink_that_hangs_holds_up_nobody_else(accounts: Accounts, let_go: Any) -> None:
    """Each has a queue of its own: however many hang, the one that does not hears everything."""
    hanging, hearing = [Sleeping() for _ in range(12)], Hearing()
    let_go(*hanging)
    configure(*hanging, hearing)
    break_budgets()
    assert not any(each.has_returned.is_set() for each in hanging), "a call has waited for it"
    _wait_until(lambda: len(hearing.heard) == _CALLS)
    assert not perfkit.flush_sinks(0.0)
    assert accounts()["Sleeping"].waiting == 12 * _CALLS
    for each in hanging:
        each.let_go()
    assert perfkit.flush_sinks(LONGEST)
    assert {each.calls for each in hanging} == {_CALLS}
    assert accounts()["Sleeping"].delivered == 12 * _CALLS


def test_a_queue_at_its_bound_drops_the_oldest_and_counts_them(
    accounts: Accounts, let_go: Any
) -> None:
    sleeping, hearing = Sleeping(), Hearing()
    let_go(sleeping)
    configure(sleeping, hearing)
    break_budgets(1)
    assert sleeping.has_begun.wait(LONGEST)
    break_budgets(1500)
    assert accounts()["Sleeping"].dropped_by == {"queue full": 500}
    sleeping.let_go()
    assert perfkit.flush_sinks(LONGEST)
    totals = accounts()["Sleeping"]
    assert (totals.raised, totals.delivered, totals.waiting) == (1501, 1001, 0)


@pytest.mark.parametrize("delivery", ["background", "inline"])
def test_a_sink_that_breaks_budgets_does_not_keep_the_process_busy(
    delivery: str, accounts: Accounts
) -> None:
    recursing, hearing = Recursing(), Hearing()
    configure(recursing, hearing, delivery=delivery)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    totals = accounts()["Recursing"]
    assert totals.delivered == recursing.calls == 2 * _CALLS
    assert (totals.dropped_by, totals.waiting) == ({"recursion": _CALLS}, 0)
    names = [violation.budget.name for violation in hearing.heard]
    assert (names.count("faulty"), names.count("within a sink")) == (_CALLS, _CALLS)


def test_a_sink_may_configure_perfkit_anew(accounts: Accounts) -> None:
    hearing = Hearing()
    settings: dict[str, Any] = {"sinks": [hearing], "delivery": "background"}
    reconfiguring = Reconfiguring(settings)
    settings["sinks"] = [reconfiguring, hearing]
    configure(*settings["sinks"])
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert reconfiguring.calls == len(hearing.heard) == _CALLS
    assert not any(each.waiting for each in accounts().values())


def test_no_call_waits_for_the_locks_of_logging(let_go: Any) -> None:
    """They are kept by another thread while budgets are broken: so no call logs."""
    keeping, hearing = KeepingTheLoggingLock(), Hearing()
    let_go(keeping)
    configure(keeping, hearing, "log")
    break_budgets(1)
    assert keeping.has_locked.wait(LONGEST)
    calls = threading.Thread(target=break_budgets, daemon=True)
    calls.start()
    calls.join(LONGEST)
    is_stuck, has_waited = calls.is_alive(), keeping.has_returned.is_set()
    keeping.let_go()
    calls.join(LONGEST)
    assert not is_stuck
    assert not has_waited, "a call has waited until the sink had returned"
    assert perfkit.flush_sinks(LONGEST)
    assert len(hearing.heard) == _CALLS + 1


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """Allow as many open files as there are now, and a few."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = max(int(each.name) for each in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def _no_descriptor() -> Iterator[None]:
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)


def test_without_a_descriptor_to_be_had_calls_go_on_and_losses_are_counted(
    few_descriptors: None, accounts: Accounts, let_go: Any, tmp_path: Any
) -> None:
    exhausting, hearing = Exhausting(), Hearing()
    let_go(exhausting)
    path = tmp_path / "violations.jsonl"
    catalog = tmp_path / "perfkit.toml"
    catalog.write_text(f'[sinks.lines]\ntype = "jsonl"\npath = "{path}"\n')
    perfkit.configure(
        catalog,
        sinks=[exhausting, hearing, "lines"],
        delivery="background",
        unknown_budgets="ignore",
    )
    break_budgets(1)
    assert exhausting.has_exhausted.wait(LONGEST)
    _wait_until(lambda: accounts()["lines"].waiting == 0)
    with _no_descriptor():  # also the one that the sink has given back just now
        break_budgets()
        _wait_until(lambda: accounts()["lines"].waiting == 0)
    lost = accounts()["lines"].dropped
    exhausting.let_go()
    assert perfkit.flush_sinks(LONGEST)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert len(hearing.heard) == 2 * _CALLS + 1
    assert lost >= _CALLS
    assert accounts()["lines"].delivered == path.read_text().count("\n") >= _CALLS


@pytest.mark.parametrize("make", [Garbage, Mock], ids=["garbage", "mock"])
@pytest.mark.parametrize("delivery", ["background", "inline"])
def test_a_sink_whose_attributes_are_garbage_is_only_given_violations(
    make: Callable[[], Any], delivery: str, accounts: Accounts
) -> None:
    hearing = Hearing()
    configure(make(), hearing, delivery=delivery)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    assert len(hearing.heard) == _CALLS
    assert not any(each.waiting for each in accounts().values())


def test_a_failure_that_cannot_be_printed_is_logged_all_the_same(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure(RaisingTheUnprintable())
    handler = logging.StreamHandler()
    logging.getLogger("perfkit").addHandler(handler)
    break_budgets()
    assert perfkit.flush_sinks(LONGEST)
    logging.getLogger("perfkit").removeHandler(handler)
    written = capfd.readouterr().err
    assert "Logging error" not in written
    assert "RaisingTheUnprintable failed" in written


def test_what_the_raise_sink_does_not_raise_is_accounted_for(accounts: Accounts) -> None:
    """A missed target, a recovery and a contended value do not raise."""
    perfkit.configure(
        perfkit.Catalog(),
        sinks=["raise"],
        routes=[perfkit.Route(sinks=("raise",), severity=perfkit.Severity.INFO)],
        delivery="background",
    )
    with perfkit.budget("late", duration={"target": "0s", "threshold": "1h"}):
        pass
    totals = accounts()["raise"]
    assert (totals.raised, totals.waiting) == (1, 0)


def test_what_is_no_sink_is_an_error_at_once() -> None:
    with pytest.raises(TypeError, match="is not a sink"):
        configure(NoSink())


def test_the_call_is_not_told_of_any_failure() -> None:
    """Its own result, its own exception and its context are as without perfkit."""

    @perfkit.timed(threshold="0s", sinks=[Raising()])
    def fail() -> None:
        raise KeyError("its own")

    perfkit.configure(perfkit.Catalog(), delivery="background")
    for _ in range(_CALLS):
        with pytest.raises(KeyError, match="its own") as caught:
            fail()
        assert caught.value.__context__ is caught.value.__cause__ is None
        assert not hasattr(caught.value, "__notes__")
    assert perfkit.flush_sinks(LONGEST)


class WrongBeside(Hearing):
    """Takes violations well, and has a part beside that fails."""

    def __init__(self, part: str, error: type[BaseException]) -> None:
        super().__init__()
        self.part, self.error = part, error

    def emit_many(self, violations: Any) -> None:
        self.heard.extend(violations)

    def tick(self) -> None:
        self._go_wrong("tick")

    def flush(self, _: float) -> None:
        self._go_wrong("flush")

    @property
    def atomic_batch(self) -> bool:
        self._go_wrong("atomic_batch")
        return True

    def _go_wrong(self, part: str) -> None:
        if part == self.part:
            raise self.error(1)


@pytest.mark.parametrize("delivery", ["background", "inline"])
@pytest.mark.parametrize("part", ["tick", "flush", "atomic_batch"])
@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError, OSError])
def test_what_a_sink_has_beside_may_fail_in_any_way(
    part: str, error: type[BaseException], delivery: str, accounts: Accounts
) -> None:
    sink = WrongBeside(part, error)
    configure(sink, delivery=delivery)
    for _ in range(3):
        break_budgets(2)
        perfkit.flush_sinks(LONGEST)
    assert len(sink.heard) == accounts()["WrongBeside"].delivered == 6
    sink.part = "none"
    assert perfkit.flush_sinks(LONGEST)


def test_sinks_may_be_made_while_all_are_flushed() -> None:
    has_ended = threading.Event()

    def make_sinks() -> None:
        while not has_ended.is_set():
            with perfkit.budget("made", duration="0s", sinks=[lambda _: None]):
                pass

    configure(Hearing())
    thread = threading.Thread(target=make_sinks)
    thread.start()
    try:
        for _ in range(2000):
            perfkit.flush_sinks(0.0)
    finally:
        has_ended.set()
        thread.join()
    assert perfkit.flush_sinks(LONGEST)


class _ProudError(ValueError):
    def add_note(self, note: str) -> None:
        raise TypeError(note)


def test_the_exception_in_flight_stays_though_it_takes_no_notes() -> None:
    perfkit.configure(perfkit.Catalog(), sinks=["raise"])
    with pytest.raises(_ProudError, match="its own"), perfkit.budget("proud", duration="0s"):
        raise _ProudError("its own")
