"""Disk traffic of a call."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final

from perfkit.model import Metric, Reading, Scope
from perfkit.probes.base import FORKED, NEVER_RAN, ReadingProbe, Session, nothing, rate
from perfkit.probes.process_reader import FallbackReader, ProcessReader, shared_reader


class DiskProbe(ReadingProbe):
    """Reads the bytes per second that the measured code read from storage and wrote to it.

    As `disk_read_rate` and `disk_write_rate`: bytes that reached the storage layer, divided by the
    seconds from the start of the first step to the end of the last; `fraction` has both. Reads from
    the page cache do not count. Writes count when they reach the page cache, whether or not they
    are on the disk by then.
    Scope: the thread on Linux, for the call's own steps only; elsewhere the whole process. There is
    no value on macOS and BSD, nor where the kernel does not count or the process may not read it.
    """

    metrics: Final = frozenset({Metric.DISK_READ_RATE, Metric.DISK_WRITE_RATE})

    def __init__(self, reader: ProcessReader | None = None) -> None:
        self._reader = reader or shared_reader()

    def open(self) -> _DiskSession:
        """Begin a session."""
        return _DiskSession(self._reader)


class _DiskSession(Session):
    __slots__ = (
        "_before",
        "_began_ns",
        "_counter",
        "_is_lost",
        "_pid",
        "_read",
        "_reader",
        "_wall_ns",
        "_written",
    )

    def __init__(self, reader: ProcessReader) -> None:
        self._reader = reader
        self._counter: FallbackReader[tuple[int, int]] = reader.thread_io
        self._before: tuple[int, int] | None = None
        self._pid = self._began_ns = self._wall_ns = 0
        self._read = self._written = 0
        self._is_lost = False

    def resume(self) -> None:
        if self._is_of_thread or not self._pid:
            self._before = self._counter.read()
        if not self._pid:
            self._pid = os.getpid()
            # Decided once, at the first step: counters of thread and process cannot be mixed.
            if self._before is None:
                self._counter = self._reader.io
                self._before = self._counter.read()
            self._began_ns = time.perf_counter_ns()

    def suspend(self) -> None:
        self._wall_ns = time.perf_counter_ns() - self._began_ns
        if self._is_of_thread:
            self._add()

    def close(self) -> Mapping[Metric, Reading]:
        if self._pid and not self._is_of_thread:
            self._add()
        scope = Scope.THREAD if self._is_of_thread else Scope.PROCESS
        if self._pid != os.getpid():
            lost = FORKED if self._pid else NEVER_RAN
        else:
            lost = self._counter.reason if self._is_lost else ""
        traffic = {Metric.DISK_READ_RATE: self._read, Metric.DISK_WRITE_RATE: self._written}
        return {
            metric: nothing(lost, scope) if lost else rate(amount, self._wall_ns / 1e9, scope)
            for metric, amount in traffic.items()
        }

    @property
    def _is_of_thread(self) -> bool:
        return self._counter is self._reader.thread_io

    def _add(self) -> None:
        before, after = self._before, self._counter.read()
        if before is None or after is None:
            self._is_lost = True
            return
        self._read += after[0] - before[0]
        self._written += after[1] - before[1]
