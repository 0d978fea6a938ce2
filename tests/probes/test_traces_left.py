"""No probe leaves anything behind in the process, however its sessions are mixed."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.instruments.stepping import StepwiseAwaitable
from perfkit.model import Metric, Probe, ProbeSession
from perfkit.probes.base import FORKED, NEVER_RAN
from perfkit.probes.cpu import CpuTimeProbe
from perfkit.probes.disk import DiskProbe
from perfkit.probes.gc import GcProbe
from perfkit.probes.heap import TRACER, HeapProbe
from perfkit.probes.process import CountsProbe, ResidentMemoryProbe
from tests.probes.conftest import holds_in_child

PROBES: Final[Sequence[type[Probe]]] = (
    CpuTimeProbe,
    CountsProbe,
    DiskProbe,
    GcProbe,
    HeapProbe,
    ResidentMemoryProbe,
)


def _state() -> tuple[object, ...]:
    return (
        tracemalloc.is_tracing(),
        TRACER.is_ours,
        tuple(TRACER._open),
        tuple(TRACER._holders),
        sys.getprofile(),
        tuple(gc.callbacks),
    )


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Sessions:
    """All probes at work on one call, as the pipeline drives them."""

    def __init__(self) -> None:
        self._all: list[ProbeSession] = [probe().open() for probe in PROBES]
        self._is_running = False

    def resume(self) -> None:
        for session in self._all:
            session.resume()
        self._is_running = True

    def suspend(self) -> None:
        for session in reversed(self._all):
            session.suspend()
        self._is_running = False

    def close(self) -> dict[Metric, Any]:
        if self._is_running:
            self.suspend()
        readings: dict[Metric, Any] = {}
        for session in self._all:
            readings.update(session.close())
            session.evidence()
        return readings


@given(st.lists(st.tuples(st.sampled_from("osrc"), st.integers(0, 3)), max_size=40))
def test_any_order_of_sessions_leaves_the_process_as_it_was(steps: list[tuple[str, int]]) -> None:
    """o(pen), r(esume), s(uspend) and c(lose), of four calls that overlap as they like."""
    before = _state()
    calls: dict[int, Sessions] = {}
    for step, number in steps:
        if step == "o" and number not in calls:
            calls[number] = Sessions()
        elif number not in calls:
            continue
        elif step == "c":
            calls.pop(number).close()
        elif step == "r" and not calls[number]._is_running:
            calls[number].resume()
        elif step == "s" and calls[number]._is_running:
            calls[number].suspend()
    for call in calls.values():
        call.close()
    assert _state() == before


async def _work(depth: int, *, fails: bool) -> None:
    call = Sessions()
    try:
        await StepwiseAwaitable(_body(depth, fails=fails).__await__(), call)
    finally:
        call.close()


async def _body(depth: int, *, fails: bool) -> None:
    for _ in range(3):
        held = [bytearray(1000)]
        await asyncio.sleep(0)
        del held
    if depth:
        await _work(depth - 1, fails=fails)
    if fails:
        raise LookupError
    await asyncio.sleep(0)


async def _mix() -> list[BaseException | None]:
    tasks = [asyncio.create_task(_work(n % 4, fails=n % 3 == 0)) for n in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    for task in tasks[::5]:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_nested_failing_and_cancelled_tasks_leave_the_process_as_it_was() -> None:
    before = _state()
    ends = {type(each) for each in asyncio.run(_mix())}
    assert ends == {type(None), LookupError, asyncio.CancelledError}
    assert _state() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are seen on Linux only")
def test_descriptors_go_with_the_last_probe() -> None:
    def work() -> int:
        call = Sessions()
        call.resume()
        call.close()
        return _descriptors()

    gc.collect()
    before = _descriptors()
    assert work() >= before
    assert _descriptors() == before


def test_every_probe_reads_just_the_metrics_that_it_names() -> None:
    for probe in PROBES:
        session = probe().open()
        session.resume()
        session.suspend()
        assert session.close().keys() == probe().metrics


def _fail(probe: type[Probe]) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            session = probe().open()
            stack.callback(session.close)
            session.resume()
            stack.callback(session.suspend)
        raise LookupError


@pytest.mark.parametrize("probe", PROBES)
def test_nested_failing_blocks_leave_the_process_as_it_was(probe: type[Probe]) -> None:
    before = _state()
    with pytest.raises(LookupError):
        _fail(probe)
    assert _state() == before


_WITH_COUNTERS = pytest.mark.parametrize(
    ("probe", "metrics"),
    [
        (CpuTimeProbe, CpuTimeProbe.metrics),
        (DiskProbe, DiskProbe.metrics),
        (ResidentMemoryProbe, {Metric.MEMORY_GROWTH}),
    ],
)


@_WITH_COUNTERS
def test_a_call_that_never_ran_leaves_no_value(probe: type[Probe], metrics: set[Metric]) -> None:
    readings = probe().open().close()
    assert {(readings[m].value, readings[m].reason) for m in metrics} == {(None, NEVER_RAN)}


@_WITH_COUNTERS
def test_a_child_process_does_not_take_its_own_counters_for_the_calls(
    probe: type[Probe], metrics: set[Metric]
) -> None:
    """The counters of a child begin at zero: the difference would be nonsense."""
    session = probe().open()
    session.resume()

    def is_lost() -> bool:
        session.suspend()
        readings = session.close()
        return {(readings[m].value, readings[m].reason) for m in metrics} == {(None, FORKED)}

    assert holds_in_child(is_lost)
    session.suspend()
    readings = session.close()
    assert not any(readings[metric].reason == FORKED for metric in metrics)
