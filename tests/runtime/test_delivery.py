"""What comes up while violations are delivered is delivered too, after that, and not for ever."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

import perfkit
from perfkit import BudgetExceeded, Violation, budget, timed
from perfkit.runtime import internal_errors, result
from tests.sinks.violations import make_violation


def _abandon(**options: Any) -> list[Any]:
    """Return a list that holds the only way to a generator that has broken its budget."""

    @timed("items", duration="0s", **options)
    def items(held: dict[str, Any]) -> Iterator[int]:
        yield 1
        yield 2

    cycle: dict[str, Any] = {}
    cycle["itself"] = items(cycle)
    next(cycle["itself"])
    return [cycle]


def test_a_call_that_garbage_collection_ends_within_a_sink_is_heard_after_it() -> None:
    heard: list[str] = []
    order: list[str] = []

    def sink(violation: Violation) -> None:
        heard.append(violation.budget.name)
        held.clear()
        gc.collect()
        order.append(f"{violation.budget.name} is done")

    perfkit.configure(perfkit.Catalog(), sinks=[sink], unknown_budgets="ignore")
    held = _abandon()
    with budget("load", duration="0s"):
        pass
    assert heard == ["load", "items"]
    assert order == ["load is done", "items is done"]


def test_what_is_to_be_raised_then_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def sink(_: Violation) -> None:
        held.clear()
        gc.collect()

    perfkit.configure(perfkit.Catalog(), sinks=[sink], unknown_budgets="ignore")
    held = _abandon(on_violation="raise")
    with budget("load", duration="0s"):
        pass
    assert "no call to raise this out of: warning items: duration" in caplog.text


def test_a_raise_sink_raises_at_the_end_of_a_call_of_any_kind() -> None:
    @timed(threshold="0s", on_violation="raise")
    def function() -> None:
        pass

    @timed(threshold="0s", on_violation="raise")
    async def coroutine() -> None:
        await asyncio.sleep(0)

    @timed(threshold="0s", on_violation="raise")
    def generator() -> Iterator[int]:
        yield 1

    def block() -> None:
        with budget(duration="0s", on_violation="raise"):
            pass

    for call in (function, lambda: asyncio.run(coroutine()), lambda: list(generator()), block):
        with pytest.raises(BudgetExceeded):
            call()


def test_several_tasks_that_raise_make_a_group() -> None:
    @timed("load", threshold="0s", on_violation="raise")
    async def load() -> None:
        pass

    async def load_both() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load())
            tasks.create_task(load())

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(load_both())
    assert caught.group_contains(BudgetExceeded)
    assert len(caught.value.exceptions) == 2


@pytest.mark.usefixtures("lenient")
def test_a_routing_that_fails_reaches_nobody() -> None:
    def choose(_: Violation) -> Any:
        raise RuntimeError("no way")

    before = internal_errors.counts().get("routing", 0)
    result.deliver([make_violation()], choose, None)
    assert internal_errors.counts()["routing"] == before + 1
