"""The process: its memory, its threads and files, and what it uses from sample to sample."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from perfkit.model import Metric, Reading, Scope
from perfkit.probes import process
from perfkit.probes.base import NO_TIME
from perfkit.probes.process import (
    FIRST_READING,
    CountsProbe,
    ProcessSampler,
    ResidentMemoryProbe,
)
from perfkit.probes.process_reader import ProcessReader, psutil
from tests.probes.conftest import another_thread, holds_in_child, measured

SECOND = 1_000_000_000
RATES = (Metric.CPU_UTILIZATION, Metric.DISK_READ_RATE, Metric.DISK_WRITE_RATE)


class Machine:
    """The figures of a process, as psutil would tell them."""

    pid = os.getpid()

    def __init__(self) -> None:
        self.read = self.written = 0
        self.trouble: Exception | None = None

    def io_counters(self) -> Any:
        if self.trouble is not None:
            raise self.trouble
        return type("io", (), {"read_bytes": self.read, "write_bytes": self.written})

    def memory_info(self) -> Any:
        if self.trouble is not None:
            raise self.trouble
        return type("memory", (), {"rss": 1000, "vms": 2000})

    def num_threads(self) -> int:
        return 3

    def num_fds(self) -> int:
        return 7


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without the files of Linux, whose figures a test sets."""
    machine = Machine()
    monkeypatch.setattr(psutil, "Process", lambda: machine)
    reader = ProcessReader(None)
    monkeypatch.setattr(process, "shared_reader", lambda: reader)
    return machine


def test_resident_memory_is_what_the_system_says() -> None:
    readings = measured(ResidentMemoryProbe())
    rss, growth = readings[Metric.MEMORY_RSS], readings[Metric.MEMORY_GROWTH]
    assert rss.value == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert abs(growth.value or 0) < 50e6
    assert (rss.scope, growth.scope) == (Scope.PROCESS, Scope.PROCESS)


def test_growth_is_from_the_first_step_to_the_end() -> None:
    session = ResidentMemoryProbe().open()
    session.resume()
    session.suspend()
    held = b"x" * 60_000_000
    session.resume()
    session.suspend()
    assert (session.close()[Metric.MEMORY_GROWTH].value or 0) > 50e6
    del held


def test_memory_that_cannot_be_read_leaves_a_reason(machine: Machine) -> None:
    machine.trouble = psutil.AccessDenied(1)
    for reading in measured(ResidentMemoryProbe()).values():
        assert reading.value is None
        assert reading.reason == "this process is not allowed to read the memory of a process"


def test_a_child_process_reads_its_own_memory() -> None:
    """The child takes 100 MB more than its parent has."""
    probe = ResidentMemoryProbe()
    before = measured(probe)[Metric.MEMORY_RSS].value or 0

    def reads_itself() -> bool:
        ballast = b"x" * 100_000_000
        rss = measured(probe)[Metric.MEMORY_RSS].value or 0
        return rss > before / 2 + len(ballast)

    assert holds_in_child(reads_itself)


def test_threads_and_files_are_counted_at_the_end_of_the_call() -> None:
    before = measured(CountsProbe())
    with another_thread(lambda pause: pause()), open(os.devnull), open(os.devnull):  # noqa: PTH123 - not a file's path
        after = measured(CountsProbe())
    growth = {metric: (after[metric].value or 0) - (before[metric].value or 0) for metric in after}
    files = {} if sys.platform == "win32" else {Metric.OPEN_FILES: 2}
    assert growth.items() >= {Metric.THREADS: 1, **files}.items()
    assert {each.scope for each in after.values()} == {Scope.PROCESS}


def test_a_platform_without_descriptors_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Machine, "num_fds")
    readings = measured(CountsProbe())
    assert readings[Metric.THREADS].value == 3.0
    assert readings[Metric.OPEN_FILES] == Reading(
        value=None,
        scope=Scope.PROCESS,
        reason="this platform does not report the number of open files",
    )


def test_the_first_sample_has_every_figure_but_the_rates() -> None:
    readings = ProcessSampler().sample(0)
    counted = {Metric.MEMORY_RSS, Metric.THREADS, Metric.OPEN_FILES}
    assert readings.keys() == {*RATES, *counted}
    for metric in RATES:
        assert (readings[metric].value, readings[metric].reason) == (None, FIRST_READING)
    assert all((readings[metric].value or 0) > 0 for metric in counted)
    assert {each.scope for each in readings.values()} == {Scope.PROCESS}


def test_rates_are_of_the_time_since_the_last_sample(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_ns = iter([10 * SECOND, 13 * SECOND])
    monkeypatch.setattr(process.time, "process_time_ns", lambda: next(cpu_ns))
    sampler = ProcessSampler()
    sampler.sample(5 * SECOND)
    machine.read, machine.written = 400, 1000
    readings = sampler.sample(7 * SECOND)
    assert [(readings[metric].value, readings[metric].fraction) for metric in RATES] == [
        (1.5, (3.0, 2.0)),
        (200.0, (400.0, 2.0)),
        (500.0, (1000.0, 2.0)),
    ]


def test_two_samples_at_one_time_have_no_rates() -> None:
    sampler = ProcessSampler()
    sampler.sample(SECOND)
    readings = sampler.sample(SECOND)
    assert {readings[metric].reason for metric in RATES} == {NO_TIME}


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (psutil.AccessDenied(1), "this process is not allowed to read"),
        (AttributeError("io_counters"), "this platform does not report"),
        (psutil.NoSuchProcess(1), "could not be read"),
    ],
)
def test_disk_traffic_that_cannot_be_read_leaves_a_reason(
    machine: Machine, trouble: Exception, reason: str
) -> None:
    machine.trouble = trouble
    sampler = ProcessSampler()
    sampler.sample(0)
    readings = sampler.sample(SECOND)
    for metric in (Metric.DISK_READ_RATE, Metric.DISK_WRITE_RATE):
        assert readings[metric].value is None
        assert reason in readings[metric].reason
    assert readings[Metric.CPU_UTILIZATION].value is not None


def test_a_platform_that_counts_operations_only_has_no_rates(machine: Machine) -> None:
    """On BSD psutil says -1 for the bytes."""
    machine.read = -1
    sampler = ProcessSampler()
    sampler.sample(0)
    assert sampler.sample(SECOND)[Metric.DISK_READ_RATE].value is None


def test_a_sampler_starts_anew_in_a_child_process() -> None:
    sampler = ProcessSampler()
    sampler.sample(0)
    sampler.sample(SECOND)

    def starts_anew() -> bool:
        first, second = sampler.sample(2 * SECOND), sampler.sample(3 * SECOND)
        return (
            all(first[metric].reason == FIRST_READING for metric in RATES)
            and second[Metric.CPU_UTILIZATION].value is not None
            and (second[Metric.THREADS].value or 0) >= 1  # an exporter may start its own anew
        )

    assert holds_in_child(starts_anew)


def test_totals_are_the_counters_of_the_process(machine: Machine) -> None:
    machine.read, machine.written = 5, 6
    totals = {**ProcessSampler().totals()}
    assert min(totals.pop("cpu_user") or 0, totals.pop("cpu_system") or 0) > 0
    sizes = {"rss": 1000, "virtual": 2000, "read": 5, "written": 6}
    counts = {"threads": 3, "open_files": 7}
    assert totals == {**sizes, **counts}
    machine.trouble = psutil.AccessDenied(1)
    lost = ProcessSampler().totals()
    assert counts == {key: lost[key] for key in counts}
    assert {lost[key] for key in sizes} == {None}
