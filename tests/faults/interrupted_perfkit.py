"""What a signal handler raises anywhere in perfkit reaches the application, and locks nothing.

`test_interrupted_perfkit.py` runs these tests in a process without coverage.
"""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import perfkit
from perfkit.reentrancy import Lock
from perfkit.runtime import internal_errors
from perfkit.runtime.scheduler import Scheduler

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")


class TimeIsUpError(Exception):
    """Of the application: raised by its own handler, as a soft time limit is."""


class Alarm:
    """Raises out of its handler, and counts how often."""

    def __init__(self) -> None:
        self.raised = 0

    def __call__(self, *_: object) -> None:
        self.raised += 1
        raise TimeIsUpError

    def interrupts(self, function: Callable[[], object], rounds: int) -> int:
        """Call `function` in a loop until the handler raised; return how often that arrived."""
        arrived = 0
        for _ in range(rounds):
            before = self.raised
            try:
                # A function of its own: a `try` of Python 3.13 does not catch an exception of a
                # handler that runs as a loop in this `try` jumps back.
                self._call_until_raised(function, before)
            except TimeIsUpError:
                arrived += 1
        return arrived

    def _call_until_raised(self, function: Callable[[], object], before: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0003, 0.0015))  # noqa: S311
        while self.raised == before:
            function()


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, alarm)
    yield alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def ring(*_: Any, **__: Any) -> None:
    signal.raise_signal(signal.SIGALRM)


class RingsAtEnd(SpanProcessor):
    on_end = ring


class RingsAtStart(SpanProcessor):
    on_start = ring


@pytest.mark.parametrize("processor", [RingsAtStart(), RingsAtEnd()])
@pytest.mark.usefixtures("alarm")
def test_a_timeout_within_telemetry_reaches_the_application(processor: SpanProcessor) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    telemetry = perfkit.Telemetry(tracer_provider=provider)
    perfkit.configure(perfkit.Catalog(), telemetry=telemetry, spans="always")
    with pytest.raises(TimeIsUpError), perfkit.budget("slow", duration="1s"):
        pass


@pytest.mark.usefixtures("alarm")
def test_a_timeout_within_a_part_of_perfkit_reaches_the_application() -> None:
    before = internal_errors.set_strict(is_strict=False)
    try:
        with pytest.raises(TimeIsUpError):
            internal_errors.suppress("a part", ring)
    finally:
        internal_errors.set_strict(is_strict=before)
    assert "a part" not in internal_errors.counts()


def probed() -> dict[str, Any]:
    return {"cpu_time": "10s"}


def windowed() -> dict[str, Any]:
    return {"duration": {"threshold": "1s", "statistic": "p95", "window": "1m"}}


@pytest.mark.parametrize("limits", [probed, windowed])
def test_timeouts_at_any_moment_reach_the_application_and_lock_nothing(
    limits: Callable[[], dict[str, Any]], alarm: Alarm
) -> None:
    """On 3.14 a plain lock would stay locked after a few rounds, and the other thread hang."""
    telemetry = perfkit.Telemetry(
        meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
        tracer_provider=TracerProvider(shutdown_on_exit=False),
    )
    # On 3.14 the SDK's own locks do stay locked.
    chosen: Any = {} if sys.version_info[:2] == (3, 14) else {"telemetry": telemetry}
    perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore", sinks=[], **chosen)

    @perfkit.timed("work", **limits())
    def work() -> None:
        pass

    work()
    before = internal_errors.set_strict(is_strict=False)
    # Python itself drops what is raised in a callback of the garbage collector: the probe has one.
    gc.disable()
    try:
        arrived = alarm.interrupts(work, 150)
    finally:
        gc.enable()
        internal_errors.set_strict(is_strict=before)
    assert arrived == alarm.raised
    other = threading.Thread(target=work, daemon=True)
    other.start()
    other.join(10)
    assert not other.is_alive()


def test_interrupts_leave_no_lock_locked(alarm: Alarm) -> None:
    for _ in range(100):
        lock = Lock()

        def take(lock: Any = lock) -> None:
            for _ in range(100):
                with lock:
                    pass

        alarm.interrupts(take, 1)
        _is_free_for_others(lock)


def test_interrupts_do_not_lock_the_scheduler(alarm: Alarm) -> None:
    scheduler = Scheduler()
    task = scheduler.every(3600, lambda: None, "nothing")
    alarm.interrupts(lambda: scheduler.speed_up(task, 3600), 100)
    _is_free_for_others(scheduler._lock)
    scheduler.cancel(task)


def _is_free_for_others(lock: Any) -> None:
    taken: list[bool] = []

    def take() -> None:
        taken.append(lock.acquire(timeout=10))
        lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join()
    assert taken == [True]
