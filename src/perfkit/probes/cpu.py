"""CPU time and CPU utilization of a call."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

from perfkit.model import Evidence, Metric, Reading, Scope
from perfkit.probes.messages import FORKED, NEVER_RAN, NO_TIME

NO_THREAD_TIME: Final = "this platform does not report the CPU time of a thread"

_reads_threads: Final = hasattr(time, "thread_time_ns")
_SCOPES: Final = {
    Metric.CPU_TIME: Scope.THREAD,
    Metric.PROCESS_CPU_TIME: Scope.PROCESS,
    Metric.CPU_UTILIZATION: Scope.THREAD,
}


class CpuTimeProbe:
    """Reads the CPU time of the measured code, and its share of one core.

    - `cpu_time`: seconds of its thread, during its own steps. Each step reads the thread that it
      runs in, so a call may move between threads. Scope: the thread.
    - `process_cpu_time`: seconds of all threads of the process, from the first step to the end,
      whichever code ran. Scope: the process.
    - `cpu_utilization`: `cpu_time` divided by the wall time from the start of the first step to the
      end of the last; 1 is one core that is always busy. Scope: the thread.

    On a platform without CPU time by thread, only `process_cpu_time` has a value.
    """

    metrics: Final = frozenset(_SCOPES)
    explains: Final = ""
    slows: Final = ""

    def open(self) -> _CpuTimeSession:
        """Begin a session."""
        return _CpuTimeSession()


class _CpuTimeSession:
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
        if _reads_threads:
            self._resumed_ns = time.thread_time_ns()

    def suspend(self) -> None:
        if _reads_threads:
            self._busy_ns += time.thread_time_ns() - self._resumed_ns
        self._wall_ns = time.perf_counter_ns() - self._began_ns

    def close(self) -> Mapping[Metric, Reading]:
        if self._pid != os.getpid():
            reason = FORKED if self._pid else NEVER_RAN
            return {metric: _nothing(metric, reason) for metric in _SCOPES}
        process_s = (time.process_time_ns() - self._process_ns) / 1e9
        return {
            Metric.CPU_TIME: self._time(),
            Metric.PROCESS_CPU_TIME: Reading(value=process_s, scope=Scope.PROCESS),
            Metric.CPU_UTILIZATION: self._utilization(),
        }

    def _time(self) -> Reading:
        if not _reads_threads:
            return _nothing(Metric.CPU_TIME, NO_THREAD_TIME)
        return Reading(value=self._busy_ns / 1e9, scope=Scope.THREAD)

    def _utilization(self) -> Reading:
        if not _reads_threads or not self._wall_ns:
            reason = NO_TIME if _reads_threads else NO_THREAD_TIME
            return _nothing(Metric.CPU_UTILIZATION, reason)
        busy_s, wall_s = self._busy_ns / 1e9, self._wall_ns / 1e9
        return Reading(value=busy_s / wall_s, scope=Scope.THREAD, fraction=(busy_s, wall_s))

    def evidence(self) -> Sequence[Evidence]:
        return ()


def _nothing(metric: Metric, reason: str) -> Reading:
    return Reading(value=None, scope=_SCOPES[metric], reason=reason)
