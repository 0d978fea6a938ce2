"""Probes of the whole process."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from perfkit.model import Metric, Reading, Scope
from perfkit.probes.base import FORKED, NEVER_RAN, ReadingProbe, Session, nothing, rate
from perfkit.probes.process_reader import FallbackReader, ProcessReader, shared_reader

FIRST_READING: Final = "first reading"


class ResidentMemoryProbe(ReadingProbe):
    """Reads the resident set size (RSS) of the process after the call, and how much it grew.

    Both in bytes: `memory_rss` at the end, `memory_growth` from the first step to the end, of all
    code of the process. Linux may lag by some pages for each CPU.
    """

    metrics: Final = frozenset({Metric.MEMORY_GROWTH, Metric.MEMORY_RSS})

    def open(self) -> _ResidentMemorySession:
        """Begin a session."""
        return _ResidentMemorySession(shared_reader().memory)


class _ResidentMemorySession(Session):
    __slots__ = ("_began", "_memory", "_pid")

    def __init__(self, memory: FallbackReader[tuple[int, int]]) -> None:
        self._memory = memory
        self._began: tuple[int, int] | None = None
        self._pid = 0

    def resume(self) -> None:
        if not self._pid:
            self._pid = os.getpid()
            self._began = self._memory.read()

    def close(self) -> Mapping[Metric, Reading]:
        ended = self._memory.read()
        if ended is None:
            return dict.fromkeys(ResidentMemoryProbe.metrics, nothing(self._memory.reason))
        if self._pid != os.getpid():
            growth = nothing(FORKED if self._pid else NEVER_RAN)
        elif self._began is None:
            growth = nothing(self._memory.reason)
        else:
            growth = _of(ended[0] - self._began[0])
        return {Metric.MEMORY_GROWTH: growth, Metric.MEMORY_RSS: _of(ended[0])}


class CountsProbe(ReadingProbe, Session):
    """Counts the `threads` and `open_files` of the process at the end of the call.

    Threads are those of the operating system, also those that C libraries start. Open files are
    descriptors: files, sockets and pipes, on all platforms but Windows.
    """

    metrics: Final = frozenset({Metric.THREADS, Metric.OPEN_FILES})

    def open(self) -> CountsProbe:
        """Return the session of every call: only the end counts."""
        return self

    def close(self) -> Mapping[Metric, Reading]:
        """Return the present counts."""
        return _counts(shared_reader())


ProcessTotals: TypeAlias = "Mapping[str, float | None]"
"""Counters since the process began, in seconds and bytes; None for those the platform lacks."""


class _Sample(NamedTuple):
    """The counters at one sample, for the rates of the next."""

    pid: int
    at_ns: int
    cpu_ns: int
    io: tuple[int, int] | None


class ProcessSampler:
    """Samples the process at intervals, for a monitor.

    CPU utilization (1 is one core that is always busy, by all threads together) and disk rates are
    averages since the sample before, so the first sample has none; nor has the first one in a child
    process after a fork. Memory and counts are present values. Not safe from several threads.
    """

    def __init__(self) -> None:
        self._reader = shared_reader()
        self._last: _Sample | None = None

    def sample(self, now_ns: int) -> Mapping[Metric, Reading]:
        """Return the readings at `now_ns` of a monotonic clock, rates since the last sample."""
        reader, last = self._reader, self._last
        now = _Sample(os.getpid(), now_ns, time.process_time_ns(), reader.io.read())
        self._last = now
        memory = reader.memory.read()
        rss = nothing(reader.memory.reason) if memory is None else _of(memory[0])
        if last is None or last.pid != now.pid:
            rates = dict.fromkeys(_RATES, nothing(FIRST_READING))
        else:
            rates = self._rates(last, now)
        return {Metric.MEMORY_RSS: rss, **rates, **_counts(reader)}

    def totals(self) -> ProcessTotals:
        """Return the present counters. Safe from any thread."""
        reader, cpu = self._reader, os.times()
        rss, virtual = reader.memory.read() or (None, None)
        read, written = reader.io.read() or (None, None)
        return {
            "cpu_user": cpu.user,
            "cpu_system": cpu.system,
            "rss": rss,
            "virtual": virtual,
            "read": read,
            "written": written,
            "threads": reader.threads.read(),
            "open_files": reader.open_files.read(),
        }

    def _rates(self, last: _Sample, now: _Sample) -> dict[Metric, Reading]:
        seconds = (now.at_ns - last.at_ns) / 1e9
        busy = rate((now.cpu_ns - last.cpu_ns) / 1e9, seconds)
        if last.io is None or now.io is None:
            read = written = nothing(self._reader.io.reason)
        else:
            read, written = (rate(b - a, seconds) for a, b in zip(last.io, now.io, strict=True))
        return dict(zip(_RATES, (busy, read, written), strict=True))


_RATES: Final = (Metric.CPU_UTILIZATION, Metric.DISK_READ_RATE, Metric.DISK_WRITE_RATE)


def _counts(reader: ProcessReader) -> dict[Metric, Reading]:
    readers = {Metric.THREADS: reader.threads, Metric.OPEN_FILES: reader.open_files}
    return {
        metric: nothing(each.reason) if (count := each.read()) is None else _of(count)
        for metric, each in readers.items()
    }


def _of(value: float) -> Reading:
    return Reading(value=float(value), scope=Scope.PROCESS)
