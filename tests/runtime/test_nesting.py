"""Which budgets a broken call spent its time in, and what was its own."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import perfkit
from perfkit import budget, timed
from perfkit.model import Evidence
from perfkit.runtime.nesting import CallNode
from perfkit.runtime.state import state
from perfkit.testing import FakeClock, capture_violations


@pytest.fixture
def clock(clock: FakeClock) -> FakeClock:
    """The clock of all calls."""
    perfkit.configure(perfkit.Catalog(), clock=clock)
    return clock


def _children(violation: Any) -> dict[str, tuple[int, float, float]]:
    (evidence,) = violation.evidence
    assert isinstance(evidence, Evidence)
    assert evidence.kind == "children"
    return {
        row["budget"]: (row["calls"], round(row["total_s"], 6), round(row["self_s"], 6))
        for row in evidence.rows
    }


def test_time_is_told_apart_by_budget(clock: FakeClock) -> None:
    with capture_violations() as violations, budget("page", duration="1s", evidence=["children"]):
        clock.advance(1)
        for _ in range(2):
            with budget("session", duration="1h"):
                clock.advance(2)
                with budget("query", duration="1h"):
                    clock.advance(3)
        with budget("render", duration="1h"):
            clock.advance(4)
    assert _children(violations[0]) == {
        "session": (2, 10.0, 4.0),
        "session > query": (2, 6.0, 6.0),
        "render": (1, 4.0, 4.0),
        "(self)": (1, 15.0, 1.0),
    }
    assert violations[0].evidence[0].summary == "10 s in session (2 calls), 1 s of its own"


def test_calls_that_take_the_short_cut_otherwise_are_told_apart_too() -> None:
    @timed("query", duration="1h")
    def query() -> None:
        threading.Event().wait(0.01)

    @timed("page", duration="0s", evidence=["children"])
    def page() -> None:
        query()
        query()

    with capture_violations() as violations:
        page()
    found = _children(violations[0])
    assert found["query"][0] == 2
    assert found["query"][1] >= 0.02
    assert found["(self)"][1] >= found["query"][1]


def test_concurrent_tasks_cover_the_time_once(clock: FakeClock) -> None:

    @timed("query", duration="1h")
    async def query(event: asyncio.Event) -> None:
        await event.wait()

    @timed("page", duration="0s", evidence=["children"])
    async def page() -> None:
        event = asyncio.Event()
        tasks = [asyncio.create_task(query(event)) for _ in range(3)]
        await asyncio.sleep(0)
        clock.advance(5)
        event.set()
        await asyncio.gather(*tasks)
        clock.advance(2)

    with capture_violations() as violations:
        asyncio.run(page())
    assert _children(violations[0]) == {"query": (3, 15.0, 15.0), "(self)": (1, 7.0, 2.0)}


def test_a_thread_with_the_callers_context_counts(clock: FakeClock) -> None:

    def work() -> None:
        with budget("query", duration="1h"):
            clock.advance(3)

    with capture_violations() as violations, budget("page", duration="0s", evidence=["children"]):
        inside, outside = contextvars.copy_context(), contextvars.Context()
        for context in (inside, outside):
            thread = threading.Thread(target=context.run, args=(work,))
            thread.start()
            thread.join()
    assert _children(violations[0]) == {"query": (1, 3.0, 3.0), "(self)": (1, 6.0, 3.0)}


def test_what_a_consumer_does_between_items_is_not_inside(clock: FakeClock) -> None:

    @timed("rows", duration="0s", evidence=["children"])
    def rows() -> Iterator[int]:
        with budget("query", duration="1h"):
            clock.advance(1)
        yield 1
        clock.advance(2)

    with capture_violations() as violations:
        for _ in rows():
            with budget("other", duration="1h"):
                clock.advance(10)
    found = _children(violations[0])
    assert set(found) == {"query", "(self)"}


def test_nothing_is_said_of_a_call_that_keeps_its_budget(clock: FakeClock) -> None:
    with budget("page", duration="1h", evidence=["children"]) as spent:
        clock.advance(1)
    assert spent.evidence == ()


def test_a_call_that_outlives_the_one_around_it_counts_in_it_up_to_its_end(
    clock: FakeClock,
) -> None:
    """Started in another thread, and measured by its own figures after that."""
    has_begun, may_end = threading.Event(), threading.Event()

    def outlive() -> None:
        with budget("inner", duration="1s"):
            has_begun.set()
            may_end.wait()

    with capture_violations() as violations:
        with budget("outer", duration="1s", evidence=["children"]):
            clock.advance(1)
            thread = threading.Thread(target=contextvars.copy_context().run, args=(outlive,))
            thread.start()
            has_begun.wait()
            clock.advance(4)
        clock.advance(10)
        may_end.set()
        thread.join()
    outer, inner = violations
    assert outer.evidence[0].summary == "1 s of its own"
    assert (inner.budget.name, inner.value) == ("inner", 14.0)


def test_a_callback_that_schedules_itself_keeps_no_chain_of_those_before() -> None:
    alive: list[int] = []
    loop = asyncio.new_event_loop()

    @timed("root", duration="1h", evidence=["children"])
    def root() -> None:
        loop.call_soon(poll, 200)

    @timed("poll", duration="1h")
    def poll(left: int) -> None:
        if left:
            loop.call_soon(poll, left - 1)
        else:
            alive.append(sum(isinstance(each, CallNode) for each in gc.get_objects()))
            loop.stop()

    root()
    root()  # the first one found no frames yet: it asked for them
    loop.run_forever()
    loop.close()
    assert alive[0] < 20


def test_entries_of_a_block_that_asks_for_children_keep_the_plans_of_all_others() -> None:

    def enter() -> int:
        with budget("page", duration="1h", evidence=["children"]):
            return state.generation

    first = enter()
    assert {enter() for _ in range(10)} == {first}
