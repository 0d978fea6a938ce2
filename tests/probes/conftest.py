"""Sessions of probes, threads and forks beside them, and calls that end when they have samples."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import evolve

from perfkit.model import Evidence, Metric, Probe, Reading
from perfkit.probes.stack import StackProbe
from perfkit.runtime import settings
from perfkit.runtime.callsite_options import CallsiteOptions
from tests.fixtures import Seen
from tests.processes import fork

AT_MOST_SECONDS = 20.0
STACK = CallsiteOptions(explain=frozenset({"stack"}))


def measured(probe: Probe, work: Callable[[], object] = int) -> Mapping[Metric, Reading]:
    """Return the readings of a call of one step."""
    session = probe.open()
    session.resume()
    work()
    session.suspend()
    return session.close()


@contextmanager
def another_thread(work: Callable[[Callable[[], object]], object]) -> Iterator[None]:
    """Run `work` in a thread; the function that it is given returns at the end of the block."""
    entered, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=work, args=(lambda: (entered.set(), done.wait()),))
    thread.start()
    entered.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def in_thread(work: Callable[[], object]) -> None:
    """Run `work` in a thread of its own, to its end."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def holds_in_child(check: Callable[[], bool]) -> bool:
    """Return whether `check` is true in a forked child."""

    def run() -> None:
        assert check()

    return fork(run) == 0


class Enough:
    """Tells measured code when it may end: when its sessions have samples."""

    def __init__(self) -> None:
        self.probe = StackProbe(interval=0.001)
        self.sessions: list[Any] = []
        self.metrics, self.explains, self.slows = frozenset[Any](), "stack", "stack sampling"

    def open(self) -> Any:
        self.sessions.append(self.probe.open())
        return self.sessions[-1]

    def of(self, position: int, samples: int) -> bool:
        return self.taken(position) >= samples or time.monotonic() > self.deadline

    def more(self, position: int, samples: int) -> Callable[[], bool]:
        """Tell when there are so many more than now: a slow machine may have too many already."""
        begun = self.taken(position)
        return lambda: self.of(position, begun + samples)

    def taken(self, position: int) -> int:
        return sum((self.sessions[position]._counts or {}).values())

    deadline = float("inf")


@pytest.fixture
def enough() -> Enough:
    made = Enough()
    made.deadline = time.monotonic() + AT_MOST_SECONDS
    return made


@pytest.fixture
def watched(seen: Seen, enough: Enough) -> Seen:
    """An observer of calls that are sampled often."""
    settings.replace(evolve(settings.current(), find_probes=lambda: (enough,)))
    return seen


def evidence_of(seen: Seen, position: int = 0) -> Evidence:
    return seen.measurements[position].evidence[0]


def functions_of(evidence: Evidence) -> set[str]:
    return {
        place.split(" (")[0].rpartition(".")[2]
        for collapsed in evidence.detail
        for place in collapsed.split(";")
    }


async def query(until: Callable[[], bool]) -> None:
    """Await in short steps until the sampler, which is a thread, has what the test needs."""
    while not until():  # noqa: ASYNC110 - the sampler knows no event
        await asyncio.sleep(0.001)
