"""Probes of the whole process. The only module that uses psutil.

On Linux, values are read from files (`proc_files`), with psutil as the fallback. If neither works,
the reading has a reason in place of a value.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, TypeVar

import psutil
from attrs import frozen

from perfkit.model import Evidence, Metric, Reading, Scope
from perfkit.probes.fallback_reader import FallbackReader
from perfkit.probes.messages import FIRST_READING, FORKED, NEVER_RAN, NO_TIME
from perfkit.probes.proc_files import ProcFiles

_T = TypeVar("_T")


class _Psutil:
    """Read this process with psutil; map its errors to the ones that `FallbackReader` handles."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None

    def memory(self) -> tuple[int, int]:
        memory = self._read(lambda own: own.memory_info())
        return memory.rss, memory.vms

    def io(self) -> tuple[int, int]:
        counters = self._read(lambda own: own.io_counters())
        if counters.read_bytes < 0:  # BSD counts operations, not bytes
            raise NotImplementedError
        return counters.read_bytes, counters.write_bytes

    def threads(self) -> int:
        return self._read(lambda own: own.num_threads())

    def open_files(self) -> int:
        return self._read(lambda own: own.num_fds())

    def _read(self, read: Callable[[psutil.Process], _T]) -> _T:
        try:
            # The psutil.Process of the parent would read values of the parent in a forked child.
            if self._process is None or self._process.pid != os.getpid():
                self._process = psutil.Process()
            return read(self._process)
        except psutil.AccessDenied as error:
            raise PermissionError(str(error)) from error
        except psutil.Error as error:
            raise OSError(str(error)) from error


class ProcessReader:
    """Reads all values of this process. Safe from any thread and across a fork.

    Args:
        files: The files of Linux; None on other platforms.
    """

    def __init__(self, files: ProcFiles | None) -> None:
        both: list[ProcFiles | _Psutil] = [_Psutil()] if files is None else [files, _Psutil()]
        self.memory = FallbackReader("the memory of a process", [each.memory for each in both])
        """Bytes resident, and of the address space."""
        self.io = FallbackReader("the disk traffic of a process", [each.io for each in both])
        """Bytes read from storage and written to it, so far."""
        of_thread = [] if files is None else [files.thread_io]
        self.thread_io = FallbackReader("the disk traffic of a thread", of_thread)
        """The same, of the calling thread."""
        self.threads = FallbackReader("the number of threads", [each.threads for each in both])
        self.open_files = FallbackReader(
            "the number of open files", [each.open_files for each in both]
        )


@cache
def shared_reader() -> ProcessReader:
    """Return the process's one reader."""
    return ProcessReader(ProcFiles() if sys.platform == "linux" else None)


class ResidentMemoryProbe:
    """Reads the resident set size (RSS) of the process after the call, and how much it grew.

    Both in bytes: `memory_rss` at the end, `memory_growth` from the first step to the end, of all
    code of the process. Linux may lag by some pages for each CPU.
    """

    metrics: Final = frozenset({Metric.MEMORY_GROWTH, Metric.MEMORY_RSS})
    explains: Final = ""
    slows: Final = ""

    def __init__(self) -> None:
        self._reader = shared_reader()

    def open(self) -> _ResidentMemorySession:
        """Begin a session."""
        return _ResidentMemorySession(self._reader.memory)


class _ResidentMemorySession:
    __slots__ = ("_began", "_memory", "_pid")

    def __init__(self, memory: FallbackReader[tuple[int, int]]) -> None:
        self._memory = memory
        self._began: tuple[int, int] | None = None
        self._pid = 0

    def resume(self) -> None:
        if not self._pid:
            self._pid = os.getpid()
            self._began = self._memory.read()

    def suspend(self) -> None:
        """Do nothing: growth is from the first step to the end, of all code."""

    def close(self) -> Mapping[Metric, Reading]:
        ended = self._memory.read()
        if ended is None:
            nothing = _nothing(self._memory.reason)
            return {Metric.MEMORY_GROWTH: nothing, Metric.MEMORY_RSS: nothing}
        return {Metric.MEMORY_GROWTH: self._growth(ended[0]), Metric.MEMORY_RSS: _of(ended[0])}

    def _growth(self, ended: int) -> Reading:
        if self._pid != os.getpid():
            return _nothing(FORKED if self._pid else NEVER_RAN)
        return _nothing(self._memory.reason) if self._began is None else _of(ended - self._began[0])

    def evidence(self) -> Sequence[Evidence]:
        return ()


class CountsProbe:
    """Counts the `threads` and `open_files` of the process at the end of the call.

    Threads are those of the operating system, also those that C libraries start. Open files are
    descriptors: files, sockets and pipes, on all platforms but Windows.
    """

    metrics: Final = frozenset({Metric.THREADS, Metric.OPEN_FILES})
    explains: Final = ""
    slows: Final = ""

    def __init__(self) -> None:
        self._reader = shared_reader()

    def open(self) -> _CountsSession:
        """Begin a session."""
        return _CountsSession(self._reader)


class _CountsSession:
    __slots__ = ("_reader",)

    def __init__(self, reader: ProcessReader) -> None:
        self._reader = reader

    def resume(self) -> None:
        """Do nothing: only the end counts."""

    def suspend(self) -> None:
        """Do nothing: only the end counts."""

    def close(self) -> Mapping[Metric, Reading]:
        return _counts(self._reader)

    def evidence(self) -> Sequence[Evidence]:
        return ()


@frozen(kw_only=True)
class ProcessTotals:
    """The counters of the process since it began; None for values that the platform lacks.

    CPU times are in seconds; memory and disk traffic in bytes.
    """

    cpu_user_s: float
    cpu_system_s: float
    rss: int | None
    virtual: int | None
    read_bytes: int | None
    written_bytes: int | None
    threads: int | None
    open_files: int | None


@frozen
class _Sample:
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
        rss = _nothing(reader.memory.reason) if memory is None else _of(memory[0])
        if last is None or last.pid != now.pid:
            rates = dict.fromkeys(_RATES, _nothing(FIRST_READING))
        elif now_ns <= last.at_ns:
            rates = dict.fromkeys(_RATES, _nothing(NO_TIME))
        else:
            rates = self._rates(last, now)
        return {Metric.MEMORY_RSS: rss, **rates, **_counts(reader)}

    def totals(self) -> ProcessTotals:
        """Return the present counters. Safe from any thread."""
        reader, cpu = self._reader, os.times()
        rss, virtual = reader.memory.read() or (None, None)
        read, written = reader.io.read() or (None, None)
        return ProcessTotals(
            cpu_user_s=cpu.user,
            cpu_system_s=cpu.system,
            rss=rss,
            virtual=virtual,
            read_bytes=read,
            written_bytes=written,
            threads=reader.threads.read(),
            open_files=reader.open_files.read(),
        )

    def _rates(self, last: _Sample, now: _Sample) -> dict[Metric, Reading]:
        seconds = (now.at_ns - last.at_ns) / 1e9
        busy = _per_second((now.cpu_ns - last.cpu_ns) / 1e9, seconds)
        if last.io is None or now.io is None:
            read = written = _nothing(self._reader.io.reason)
        else:
            read, written = (
                _per_second(b - a, seconds) for a, b in zip(last.io, now.io, strict=True)
            )
        return dict(zip(_RATES, (busy, read, written), strict=True))


_RATES: Final = (Metric.CPU_UTILIZATION, Metric.DISK_READ_RATE, Metric.DISK_WRITE_RATE)


def _counts(reader: ProcessReader) -> dict[Metric, Reading]:
    readers = {Metric.THREADS: reader.threads, Metric.OPEN_FILES: reader.open_files}
    return {
        metric: _nothing(each.reason) if (count := each.read()) is None else _of(count)
        for metric, each in readers.items()
    }


def _per_second(amount: float, seconds: float) -> Reading:
    fraction = (float(amount), seconds)
    return Reading(value=amount / seconds, scope=Scope.PROCESS, fraction=fraction)


def _of(value: float) -> Reading:
    return Reading(value=float(value), scope=Scope.PROCESS)


def _nothing(reason: str) -> Reading:
    return Reading(value=None, scope=Scope.PROCESS, reason=reason)
