"""CPU time of a call, and how busy it kept a core."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

import pytest

from perfkit.model import Metric, Reading, Scope
from perfkit.probes import cpu
from perfkit.probes.cpu import NO_THREAD_TIME, CpuTimeProbe
from perfkit.probes.messages import FORKED, NEVER_RAN, NO_TIME


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


def _measured(work: Callable[[], object]) -> Mapping[Metric, Reading]:
    session = CpuTimeProbe().open()
    session.resume()
    work()
    session.suspend()
    return session.close()


def _burn(seconds: float) -> None:
    end_ns = time.thread_time_ns() + int(seconds * 1e9)
    while time.thread_time_ns() < end_ns:
        pass


def test_a_busy_call_takes_the_cpu_time_that_it_takes() -> None:
    readings = _measured(lambda: _burn(0.02))
    assert 0.02 <= (readings[Metric.CPU_TIME].value or 0) <= 0.03
    assert (readings[Metric.PROCESS_CPU_TIME].value or 0) >= 0.019


def test_time_that_is_waited_is_no_cpu_time(counters: Counters) -> None:
    readings = _measured(lambda: counters.pass_time(4.0, busy=1.0))
    assert readings[Metric.CPU_TIME] == Reading(value=1.0, scope=Scope.THREAD)


def test_utilization_is_the_share_of_one_core(counters: Counters) -> None:
    reading = _measured(lambda: counters.pass_time(4.0, busy=1.0))[Metric.CPU_UTILIZATION]
    assert reading == Reading(value=0.25, scope=Scope.THREAD, fraction=(1.0, 4.0))


def test_process_time_has_what_other_threads_took(counters: Counters) -> None:
    readings = _measured(lambda: counters.pass_time(4.0, busy=1.0, others_busy=2.0))
    assert readings[Metric.PROCESS_CPU_TIME] == Reading(value=3.0, scope=Scope.PROCESS)
    assert readings[Metric.CPU_TIME].value == 1.0


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
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    assert session.close()[Metric.CPU_TIME].value == 2.0


def test_a_call_that_moves_between_real_threads_is_charged_for_both() -> None:
    session = CpuTimeProbe().open()

    def step() -> None:
        session.resume()
        _burn(0.01)
        session.suspend()

    step()
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    assert 0.02 <= (session.close()[Metric.CPU_TIME].value or 0) <= 0.03


def test_what_a_helper_thread_burns_is_not_the_calls() -> None:
    def work() -> None:
        thread = threading.Thread(target=_burn, args=(0.03,))
        thread.start()
        thread.join()

    readings = _measured(work)
    assert (readings[Metric.CPU_TIME].value or 0) < 0.015
    assert (readings[Metric.PROCESS_CPU_TIME].value or 0) >= 0.029


def test_no_time_leaves_no_utilization(counters: Counters) -> None:
    reading = _measured(lambda: None)[Metric.CPU_UTILIZATION]
    assert (reading.value, reading.reason) == (None, NO_TIME)


def test_a_call_that_never_ran_leaves_no_value() -> None:
    readings = CpuTimeProbe().open().close()
    assert {(each.value, each.reason) for each in readings.values()} == {(None, NEVER_RAN)}
    assert readings.keys() == CpuTimeProbe.metrics


def test_a_platform_without_thread_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_reads_threads", False)
    readings = _measured(lambda: None)
    for metric in (Metric.CPU_TIME, Metric.CPU_UTILIZATION):
        assert (readings[metric].value, readings[metric].reason) == (None, NO_THREAD_TIME)
    assert readings[Metric.PROCESS_CPU_TIME].value is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_child_process_does_not_take_its_own_counters_for_the_calls() -> None:
    """The counters of a child begin at zero: the difference would be nonsense."""
    session = CpuTimeProbe().open()
    session.resume()
    child = os.fork()
    if child == 0:
        session.suspend()
        readings = session.close().values()
        os._exit(0 if all(each.reason == FORKED for each in readings) else 1)
    session.suspend()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert session.close()[Metric.CPU_TIME].value is not None
