"""Profiling decorators that measure one call of many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import perfkit
from perfkit import BudgetError, Metric, cpu_profiled, memory_profiled


@pytest.mark.parametrize(
    ("decorator", "slowed_by"), [(memory_profiled, "tracemalloc"), (cpu_profiled, "cProfile")]
)
def test_the_first_call_of_every_so_many_is_measured(
    seen: Any, decorator: Any, slowed_by: str
) -> None:
    @decorator("work", every=3)
    def work() -> None:
        pass

    for _ in range(7):
        work()
    assert [slowed_by in each.slowed_by for each in seen.measurements] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_the_calls_in_between_say_why_they_have_no_figure(seen: Any) -> None:
    @memory_profiled("work", every=2, threshold="50MB")
    async def work() -> None:
        await asyncio.sleep(0)

    async def twice() -> None:
        await work()
        await work()

    asyncio.run(twice())
    first, second = (each.readings[Metric.MEMORY_PEAK] for each in seen.measurements)
    assert first.value is not None
    assert (second.value, second.reason) == (None, "one call in 2 is measured")


def test_the_calls_in_between_count_as_durations(seen: Any) -> None:
    @memory_profiled("work", every=2, duration="0s", on_violation=lambda _: None)
    def work() -> None:
        pass

    work()
    work()
    assert [bool(each.slowed_by) for each in seen.measurements] == [True, False]


def test_without_observers_the_calls_in_between_are_short() -> None:
    heard: list[perfkit.Violation] = []

    @memory_profiled("work", every=2, duration="0s", on_violation=heard.append)
    def work() -> None:
        pass

    work()
    work()
    work()
    assert [each.limit.metric for each in heard] == ["duration"]


@pytest.mark.parametrize("every", [0, -1, 1.5, "all", True])
def test_a_number_that_is_none_is_refused(every: Any) -> None:
    with pytest.raises(BudgetError, match="write how many calls"):
        memory_profiled("work", every=every)


def test_what_slows_nothing_down_takes_every_call() -> None:
    with pytest.raises(TypeError, match="no argument 'every'"):
        perfkit.timed("work", every=2)  # type: ignore[call-overload]  # wrong on purpose
