"""CPU time of a call, and how busy it kept a core."""

from __future__ import annotations

import threading
import time

import pytest

from perfkit.model import Metric, Reading, Scope
from perfkit.probes import cpu
from perfkit.probes.base import NO_TIME
from perfkit.probes.cpu import CpuTimeProbe
from tests.probes.conftest import in_thread, measured


class Counters:
    """The counters of a machine that stands still until told, by thread."""

    def __init__(self) -> None:
        self.thread_ns: dict[int, int] = {}
        self.process_ns = self.wall_ns = 1_000_000_000

    def pass_time(self, seconds: float, *, busy: float = 0.0, others_busy: float = 0.0) -> None:
        here = threading.get_ident()
        self.wall_ns += int(seconds * 1e9)
        self.thread_ns[here] = self.thread_ns.get(here, 0) + int(busy * 1e9)
        self.process_ns += int((busy + others_busy) * 1e9)


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Counters:
    counters = Counters()
    here = threading.get_ident

    class Time:
        thread_time_ns = staticmethod(lambda: counters.thread_ns.setdefault(here(), here()))
        process_time_ns = staticmethod(lambda: counters.process_ns)
        perf_counter_ns = staticmethod(lambda: counters.wall_ns)

    monkeypatch.setattr(cpu, "time", Time)
    return counters


def _burn(seconds: float) -> None:
    end_ns = time.thread_time_ns() + int(seconds * 1e9)
    while time.thread_time_ns() < end_ns:
        pass


def test_a_busy_call_takes_the_cpu_time_that_it_takes() -> None:
    readings = measured(CpuTimeProbe(), lambda: _burn(0.02))
    assert 0.02 <= (readings[Metric.CPU_TIME].value or 0) <= 0.03
    assert (readings[Metric.PROCESS_CPU_TIME].value or 0) >= 0.019


def test_each_reading_has_its_share_of_the_time(counters: Counters) -> None:
    def work() -> None:
        counters.pass_time(4.0, busy=1.0, others_busy=2.0)

    assert measured(CpuTimeProbe(), work) == {
        Metric.CPU_TIME: Reading(value=1.0, scope=Scope.THREAD),
        Metric.PROCESS_CPU_TIME: Reading(value=3.0, scope=Scope.PROCESS),
        Metric.CPU_UTILIZATION: Reading(value=0.25, scope=Scope.THREAD, fraction=(1.0, 4.0)),
    }


def test_no_time_leaves_no_utilization(counters: Counters) -> None:
    reading = measured(CpuTimeProbe())[Metric.CPU_UTILIZATION]
    assert (reading.value, reading.reason, reading.fraction) == (None, NO_TIME, None)


def test_what_runs_between_the_steps_is_in_the_time_of_the_process_only(
    counters: Counters,
) -> None:
    session = CpuTimeProbe().open()
    session.resume()
    counters.pass_time(1.0, busy=1.0)
    session.suspend()
    counters.pass_time(2.0, busy=2.0)
    session.resume()
    counters.pass_time(1.0, busy=0.5)
    session.suspend()
    readings = session.close()
    assert readings[Metric.CPU_TIME].value == 1.5
    assert readings[Metric.PROCESS_CPU_TIME].value == 3.5
    assert readings[Metric.CPU_UTILIZATION].fraction == (1.5, 4.0)


def test_each_step_reads_the_thread_that_it_runs_in(counters: Counters) -> None:
    session = CpuTimeProbe().open()

    def step() -> None:
        session.resume()
        counters.pass_time(1.0, busy=1.0)
        session.suspend()

    step()
    in_thread(step)
    assert session.close()[Metric.CPU_TIME].value == 2.0


def test_what_a_helper_thread_burns_is_not_the_calls() -> None:
    readings = measured(CpuTimeProbe(), lambda: in_thread(lambda: _burn(0.03)))
    assert (readings[Metric.CPU_TIME].value or 0) < 0.015
    assert (readings[Metric.PROCESS_CPU_TIME].value or 0) >= 0.029
