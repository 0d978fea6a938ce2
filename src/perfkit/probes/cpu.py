"""CPU time and CPU utilization of a call."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final

from perfkit.model import Metric, Reading, Scope
from perfkit.probes.base import FORKED, NEVER_RAN, NO_TIME, ReadingProbe, Session, nothing

_SCOPES: Final = {
    Metric.CPU_TIME: Scope.THREAD,
    Metric.PROCESS_CPU_TIME: Scope.PROCESS,
    Metric.CPU_UTILIZATION: Scope.THREAD,
}


class CpuTimeProbe(ReadingProbe):
    """Reads the CPU time of the measured code, and its share of one core.

    - `cpu_time`: seconds of its thread, during its own steps. Each step reads the thread that it
      runs in, so a call may move between threads. Scope: the thread.
    - `process_cpu_time`: seconds of all threads of the process, from the first step to the end,
      whichever code ran. Scope: the process.
    - `cpu_utilization`: `cpu_time` divided by the wall time from the start of the first step to the
      end of the last; 1 is one core that is always busy. Scope: the thread.
    """

    metrics: Final = frozenset(_SCOPES)

    def open(self) -> _CpuTimeSession:
        """Begin a session."""
        return _CpuTimeSession()


class _CpuTimeSession(Session):
    __slots__ = ("_began_ns", "_busy_ns", "_pid", "_process_ns", "_resumed_ns", "_wall_ns")

    def __init__(self) -> None:
        self._pid = 0
        self._process_ns = self._began_ns = self._resumed_ns = 0
        self._busy_ns = self._wall_ns = 0

    # The wall clock is read before the thread's time at the start and after it at the end, so that
    # utilization never exceeds 1 by the cost of the readings.
    def resume(self) -> None:
        if not self._pid:
            self._pid = os.getpid()
            self._process_ns = time.process_time_ns()
            self._began_ns = time.perf_counter_ns()
        self._resumed_ns = time.thread_time_ns()

    def suspend(self) -> None:
        self._busy_ns += time.thread_time_ns() - self._resumed_ns
        self._wall_ns = time.perf_counter_ns() - self._began_ns

    def close(self) -> Mapping[Metric, Reading]:
        if self._pid != os.getpid():
            reason = FORKED if self._pid else NEVER_RAN
            return {metric: nothing(reason, scope) for metric, scope in _SCOPES.items()}
        process_s = (time.process_time_ns() - self._process_ns) / 1e9
        busy_s, wall_s = self._busy_ns / 1e9, self._wall_ns / 1e9
        share, why = (busy_s / wall_s, "") if wall_s else (None, NO_TIME)
        fraction = (busy_s, wall_s) if wall_s else None
        return {
            Metric.CPU_TIME: Reading(value=busy_s, scope=Scope.THREAD),
            Metric.PROCESS_CPU_TIME: Reading(value=process_s, scope=Scope.PROCESS),
            Metric.CPU_UTILIZATION: Reading(
                value=share, scope=Scope.THREAD, reason=why, fraction=fraction
            ),
        }
