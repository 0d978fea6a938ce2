"""The machine's own clock, and the CPU time of a thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from perfkit.model import Evidence, Metric, Reading, Scope


class SystemClock:
    """The clock that perfkit uses unless a test gives another one."""

    monotonic_ns = staticmethod(time.perf_counter_ns)
    time_ns = staticmethod(time.time_ns)


class CpuTimeProbe:
    """Reads the CPU time that the measured code takes in its thread (`time.thread_time_ns`).

    A call that suspends is charged for its own steps only. What it hands to other threads or
    processes is not counted.
    """

    metrics: Final = frozenset({Metric.CPU_TIME})
    explains: Final = ""
    slows: Final = ""

    def open(self) -> _CpuTimeSession:
        """Begin a session; it holds two integers."""
        return _CpuTimeSession()


class _CpuTimeSession:
    __slots__ = ("_resumed_ns", "_total_ns")

    def __init__(self) -> None:
        self._total_ns = 0
        self._resumed_ns = 0

    def resume(self) -> None:
        self._resumed_ns = time.thread_time_ns()

    def suspend(self) -> None:
        self._total_ns += time.thread_time_ns() - self._resumed_ns

    def close(self) -> Mapping[Metric, Reading]:
        return {Metric.CPU_TIME: Reading(value=self._total_ns / 1e9, scope=Scope.THREAD)}

    def evidence(self) -> Sequence[Evidence]:
        return ()
