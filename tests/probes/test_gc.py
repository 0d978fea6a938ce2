"""Pauses of the garbage collector, each in the call in which it came."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from perfkit.model import Metric, Reading, Scope
from perfkit.probes import gc as gc_probe
from perfkit.probes.gc import LOST, GcProbe
from tests.probes.conftest import another_thread, holds_in_child, in_thread, measured


@pytest.fixture(autouse=True)
def _quiet_gc_probe() -> Iterator[None]:
    """Collections come only when a test asks, and the hooks are as before afterwards."""
    callbacks = list(gc.callbacks)
    gc.disable()
    yield
    gc.enable()
    assert gc.callbacks == callbacks


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> float:
    """Make each collection take 0.25 s, by the clock that the hook reads."""
    ticks = iter(range(0, 10**15, 250_000_000))

    class Time:
        perf_counter_ns = staticmethod(lambda: next(ticks))

    monkeypatch.setattr(gc_probe, "time", Time)
    return 0.25


def _measured(work: Any) -> Reading:
    return measured(GcProbe(), work)[Metric.GC_TIME]


def test_a_collection_inside_the_call_counts(pause: float) -> None:
    assert _measured(gc.collect) == Reading(value=pause, scope=Scope.THREAD)


def test_a_real_pause_is_about_as_long_as_the_collection() -> None:
    garbage = [[] for _ in range(200_000)]
    took = 0.0

    def work() -> None:
        nonlocal took
        began = time.perf_counter()
        gc.collect()
        took = time.perf_counter() - began

    value = _measured(work).value
    assert value is not None
    assert took / 2 < value <= took
    del garbage


def test_no_collection_is_asked_for() -> None:
    seen: list[str] = []

    def hook(phase: str, _: Mapping[str, Any]) -> None:
        seen.append(phase)

    gc.callbacks.append(hook)
    _measured(lambda: None)
    gc.callbacks.remove(hook)
    assert seen == []


def test_collections_before_between_and_after_the_steps_do_not_count(pause: float) -> None:
    session = GcProbe().open()
    gc.collect()
    session.resume()
    session.suspend()
    gc.collect()
    session.resume()
    gc.collect()
    session.suspend()
    gc.collect()
    assert session.close()[Metric.GC_TIME].value == pause


def test_a_pause_counts_in_the_thread_in_which_it_ran(pause: float) -> None:
    there: list[Reading] = []

    def work() -> None:
        in_thread(lambda: there.append(_measured(gc.collect)))

    assert _measured(work).value == 0.0
    assert there[0].value == pause


def test_a_pause_counts_in_the_inner_and_in_the_outer_call(pause: float) -> None:
    inner: list[Reading] = []
    outer = _measured(lambda: inner.append(_measured(gc.collect)))
    assert (outer.value, inner[0].value) == (pause, pause)


def test_the_hook_is_there_only_while_somebody_measures() -> None:
    probe, before = GcProbe(), len(gc.callbacks)
    first, second = probe.open(), probe.open()
    assert len(gc.callbacks) == before + 1
    first.close()
    assert len(gc.callbacks) == before + 1
    second.close()
    assert len(gc.callbacks) == before


def test_hooks_of_other_code_stay() -> None:
    def hook(*_: object) -> None:
        return None

    gc.callbacks.append(hook)
    _measured(gc.collect)
    assert gc.callbacks.pop() is hook


def test_a_hook_that_other_code_took_out_leaves_no_value() -> None:
    others = list(gc.callbacks)
    reading = _measured(gc.callbacks.clear)
    gc.callbacks[:] = others
    assert (reading.value, reading.reason) == (None, LOST)


def test_a_hook_that_was_out_for_a_while_leaves_no_value() -> None:
    """Another call puts it in again, so that at the end all looks well."""
    others, probe = list(gc.callbacks), GcProbe()
    first = probe.open()
    first.resume()
    gc.callbacks.clear()
    second = probe.open()
    first.suspend()
    assert first.close()[Metric.GC_TIME].value is None
    second.resume()
    second.suspend()
    assert second.close()[Metric.GC_TIME].value == 0.0
    gc.callbacks[:] = others


def test_a_collection_that_began_before_the_hook_was_in_does_not_count() -> None:
    class Cycle:
        def __init__(self, sessions: list[Any]) -> None:
            self.me, self.sessions = self, sessions

        def __del__(self) -> None:
            session = GcProbe().open()
            session.resume()
            self.sessions.append(session)

    sessions: list[Any] = []
    Cycle(sessions)
    gc.collect()
    sessions[0].suspend()
    assert sessions[0].close()[Metric.GC_TIME].value == 0.0


def test_a_child_process_has_no_hook_of_the_parents_threads() -> None:
    before = len(gc.callbacks)

    def is_sound() -> bool:
        is_free = len(gc.callbacks) == before and _measured(gc.collect).value is not None
        return is_free and len(gc.callbacks) == before

    with another_thread(_measured):
        assert holds_in_child(is_sound)
