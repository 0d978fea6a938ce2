"""The memory of the process as the operating system counts it, read through psutil."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

import psutil

from perfkit.model import Evidence, Metric, Reading, Scope


class ResidentMemoryProbe:
    """Reads the resident set size (RSS) of the process after the call, and how much it grew.

    Both are of the whole process. RSS seldom falls when memory is freed, so growth is not use: a
    call that fits into memory freed earlier grows by nothing.
    """

    metrics: Final = frozenset({Metric.MEMORY_GROWTH, Metric.MEMORY_RSS})
    explains: Final = ""
    slows: Final = ""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def open(self) -> _ResidentMemorySession:
        """Begin a session; the process is looked up anew after a fork."""
        if self._process.pid != os.getpid():
            self._process = psutil.Process()
        return _ResidentMemorySession(self._process)


class _ResidentMemorySession:
    __slots__ = ("_began", "_process")

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._began = -1

    def resume(self) -> None:
        if self._began < 0:
            self._began = self._process.memory_info().rss

    def suspend(self) -> None:
        """Do nothing: growth is from the first step to the end, whoever caused it."""

    def close(self) -> Mapping[Metric, Reading]:
        ended = self._process.memory_info().rss
        growth = float(ended - self._began)
        return {
            Metric.MEMORY_GROWTH: Reading(value=growth, scope=Scope.PROCESS),
            Metric.MEMORY_RSS: Reading(value=float(ended), scope=Scope.PROCESS),
        }

    def evidence(self) -> Sequence[Evidence]:
        return ()
