"""A stack probe whose calls end when they have samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from perfkit.model import Evidence
from perfkit.probes.stack import StackProbe
from perfkit.runtime import settings
from tests.fixtures import Seen

AT_MOST_SECONDS = 20.0


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
