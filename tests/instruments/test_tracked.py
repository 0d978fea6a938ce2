"""Calls with a limit on concurrency: short, and counted while they run."""

from __future__ import annotations

import asyncio

import pytest

import perfkit
from perfkit import BudgetExceeded, budget, evaluate_windows, timed

_FEW = {"threshold": "100", "window": "1m"}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[], spans="never", unknown_budgets="ignore")


def _level() -> tuple[float | None, int]:
    (verdict,) = evaluate_windows()
    return verdict.value, verdict.samples


def test_recursion_counts_each_call() -> None:
    @timed("work", concurrency=_FEW)
    def work(depth: int) -> int:
        return work(depth - 1) + 1 if depth else 0

    assert work(4) == 4
    assert _level() == (5.0, 5)


def test_a_block_counts_each_entry() -> None:
    block = budget("work", concurrency=_FEW)
    for _ in range(3):
        with block:
            pass
    with block, block, block as spent:
        pass
    assert spent.duration is not None
    assert _level() == (3.0, 6)


def test_a_failure_is_counted_and_goes_on() -> None:
    @timed("work", concurrency=_FEW)
    def work() -> None:
        raise ValueError

    for _ in range(3):
        with pytest.raises(ValueError):  # noqa: PT011 - it has no text
            work()
    with pytest.raises(ValueError), budget("work", concurrency=_FEW):  # noqa: PT011 - likewise
        raise ValueError
    assert {verdict.value for verdict in evaluate_windows()} == {1.0}


def test_a_broken_line_is_delivered() -> None:
    @timed("work", threshold="0s", concurrency=_FEW, on_violation="raise")
    def work() -> None:
        pass

    @timed("later", threshold="0s", concurrency=_FEW, on_violation="raise")
    async def later() -> None:
        await asyncio.sleep(0)

    with pytest.raises(BudgetExceeded):
        work()
    with pytest.raises(BudgetExceeded):
        asyncio.run(later())
    with (
        pytest.raises(BudgetExceeded),
        budget("block", duration="0s", concurrency=_FEW, on_violation="raise"),
    ):
        pass


def test_tasks_that_are_cancelled_are_no_longer_counted() -> None:
    @timed("work", concurrency=_FEW)
    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def main() -> None:
        tasks = [asyncio.create_task(work(3600)) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await work(0)

    asyncio.run(main())
    assert _level() == (3.0, 4)
