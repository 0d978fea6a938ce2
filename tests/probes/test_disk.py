"""How fast a call reads from disk and writes to it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from perfkit.model import Metric, Reading, Scope
from perfkit.probes import disk
from perfkit.probes.disk import DiskProbe
from perfkit.probes.process_reader import FallbackReader, ProcessReader, shared_reader
from tests.probes.conftest import in_thread, measured

SIZE = 4_000_000


class Machine:
    """Counters of storage, by thread and of all, and a clock, as a test sets them."""

    def __init__(self) -> None:
        self.of_thread = threading.local()
        self.of_process = [0, 0]
        self.wall_ns = 1_000
        self.reader = ProcessReader(None)
        self.reader.thread_io = FallbackReader("the disk traffic of a thread", [self._thread_io])
        self.reader.io = FallbackReader("the disk traffic", [lambda: (*self.of_process,)])
        self.trouble: Exception | None = None

    def pass_second(self, *, read: int = 0, written: int = 0) -> None:
        before = self._counters()
        self.of_thread.io = (before[0] + read, before[1] + written)
        self.of_process[0] += read
        self.of_process[1] += written
        self.wall_ns += 1_000_000_000

    def _counters(self) -> tuple[int, int]:
        return getattr(self.of_thread, "io", (0, 0))

    def _thread_io(self) -> tuple[int, int]:
        if self.trouble is not None:
            raise self.trouble
        return self._counters()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()

    class Time:
        perf_counter_ns = staticmethod(lambda: machine.wall_ns)

    monkeypatch.setattr(disk, "time", Time)
    return machine


def test_rates_are_bytes_by_seconds(machine: Machine) -> None:
    readings = measured(
        DiskProbe(machine.reader), lambda: machine.pass_second(read=300, written=500)
    )
    assert readings == {
        Metric.DISK_READ_RATE: Reading(value=300.0, scope=Scope.THREAD, fraction=(300.0, 1.0)),
        Metric.DISK_WRITE_RATE: Reading(value=500.0, scope=Scope.THREAD, fraction=(500.0, 1.0)),
    }


def test_only_the_calls_own_steps_count_but_all_of_its_time(machine: Machine) -> None:
    session = DiskProbe(machine.reader).open()
    session.resume()
    machine.pass_second(written=100)
    session.suspend()
    machine.pass_second(written=9000)
    session.resume()
    machine.pass_second(written=200)
    session.suspend()
    assert session.close()[Metric.DISK_WRITE_RATE].fraction == (300.0, 3.0)


def test_each_step_reads_its_own_thread(machine: Machine) -> None:
    session = DiskProbe(machine.reader).open()

    def step() -> None:
        session.resume()
        machine.pass_second(written=100)
        session.suspend()

    machine.pass_second(written=7000)
    step()
    in_thread(step)
    assert session.close()[Metric.DISK_WRITE_RATE].fraction == (200.0, 2.0)


def test_where_threads_are_not_told_the_process_is_read(machine: Machine) -> None:
    machine.trouble = NotImplementedError()
    readings = measured(
        DiskProbe(machine.reader), lambda: in_thread(lambda: machine.pass_second(written=50))
    )
    reading = readings[Metric.DISK_WRITE_RATE]
    assert (reading.value, reading.scope) == (50.0, Scope.PROCESS)


def test_where_nothing_is_told_there_is_a_reason(machine: Machine) -> None:
    machine.trouble = NotImplementedError()
    machine.reader.io = FallbackReader("the disk traffic", [])
    for reading in measured(DiskProbe(machine.reader), machine.pass_second).values():
        assert reading == Reading(
            value=None, scope=Scope.PROCESS, reason="this platform does not report the disk traffic"
        )


def test_counters_that_fail_on_the_way_leave_a_reason_and_no_half_value(machine: Machine) -> None:
    def work() -> None:
        machine.pass_second(written=100)
        machine.trouble = PermissionError("no")

    reading = measured(DiskProbe(machine.reader), work)[Metric.DISK_WRITE_RATE]
    assert reading.value is None
    assert "not allowed" in reading.reason


def _write(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x" * SIZE)
    os.fsync(fd)
    os.close(fd)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts each thread's own")
def test_real_writes_count_in_the_thread_that_writes_and_in_no_other(tmp_path: Path) -> None:
    before = shared_reader().io.read()
    here = measured(DiskProbe(), lambda: _write(tmp_path / "here"))[Metric.DISK_WRITE_RATE]
    after = shared_reader().io.read()
    if before is None or after is None or after[1] == before[1]:
        pytest.skip("the kernel does not count writes to this file system")
    there = measured(DiskProbe(), lambda: in_thread(lambda: _write(tmp_path / "there")))
    assert here.fraction is not None
    assert here.fraction[0] == pytest.approx(SIZE, rel=0.1)
    assert here.scope is Scope.THREAD
    assert there[Metric.DISK_WRITE_RATE].value == 0.0
