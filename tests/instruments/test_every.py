"""Profiling decorators that measure one call of many."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

import perfkit
from perfkit import Metric, cpu_profiled, memory_profiled


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
    measured = [slowed_by in each.slowed_by for each in seen.measurements]
    assert measured == [True, False, False, True, False, False, True]


def test_a_sample_rate_measures_that_share_of_calls(seen: Any) -> None:
    @memory_profiled("work", sample_rate=0.5)
    def work() -> None:
        pass

    for _ in range(200):
        work()
    sampled = [bool(each.slowed_by) for each in seen.measurements]
    # Binomial: outside of these bounds about once in 10**10 runs.
    assert 54 < sum(sampled) < 146
    assert any(one is two for one, two in itertools.pairwise(sampled))  # not every 2nd
    skipped = seen.measurements[sampled.index(False)].readings[Metric.MEMORY_PEAK]
    assert (skipped.value, skipped.reason) == (None, "0.5 of calls are measured")


@pytest.mark.parametrize(("sample_rate", "sampled"), [(0, 0), (0.0, 0), (1, 20), (1.0, 20)])
def test_no_call_or_every_call_is_sampled(seen: Any, sample_rate: float, sampled: int) -> None:
    @memory_profiled("work", sample_rate=sample_rate)
    def work() -> None:
        pass

    for _ in range(20):
        work()
    assert sum(bool(each.slowed_by) for each in seen.measurements) == sampled


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


def test_without_observers_the_calls_in_between_are_short() -> None:
    heard: list[perfkit.Violation] = []

    @memory_profiled("work", every=2, duration="0s", on_violation=heard.append)
    def work() -> None:
        pass

    work()
    work()
    work()
    assert [each.limit.metric for each in heard] == ["duration"]
