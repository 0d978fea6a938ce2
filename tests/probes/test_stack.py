"""Stack samples: the slow place is named, running or awaiting, and nothing is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import perfkit
from perfkit.instruments.wrapping import wrap
from perfkit.model import CodeLocation
from perfkit.probes import stack
from perfkit.probes.frames import NATIVE, stack_of
from perfkit.probes.stack import NO_SAMPLES
from perfkit.runtime.callsite import Callsite
from tests.fixtures import Seen
from tests.probes.conftest import STACK, Enough, evidence_of, functions_of, query


def _spin(until: Callable[[], bool]) -> None:
    while not until():
        sum(range(10_000))


# -- what is named


def test_the_slow_function_is_named_with_its_line(watched: Seen, enough: Enough) -> None:
    def handler() -> None:
        _spin(lambda: enough.of(0, 5))

    wrap(handler, STACK)()
    evidence = evidence_of(watched)
    top = evidence.rows[0]
    assert (evidence.kind, evidence.note) == ("stack", "")
    assert top["file"] == __file__
    assert top["stack"].split(";")[0].startswith(f"{__name__}.test_the_slow")
    assert "handler (test_stack.py:" in top["stack"]
    assert f" in {top['function']} (test_stack.py:{top['line']})" in evidence.summary
    assert sum(row["samples"] for row in evidence.rows) == sum(evidence.detail.values())
    assert sum(row["share"] for row in evidence.rows) == pytest.approx(1)


def test_neither_the_caller_nor_perfkit_is_in_a_stack(watched: Seen, enough: Enough) -> None:
    def handler() -> None:
        _spin(lambda: enough.of(0, 3))

    wrap(handler, STACK)()
    assert not any("perfkit." in line for line in evidence_of(watched).detail)
    assert "test_neither_the_caller_nor_perfkit_is_in_a_stack" not in functions_of(
        evidence_of(watched)
    )


def _block() -> Any:
    """Return a budget block that gathers evidence at each entry."""
    block = perfkit.budget("block", duration="1h")
    block._site = Callsite(STACK, CodeLocation(function="block"))
    return block


def test_a_block_is_named_by_the_function_that_it_stands_in(watched: Seen, enough: Enough) -> None:
    def around() -> None:
        with _block():
            _spin(lambda: enough.of(0, 3))

    around()
    assert {"around", "_spin"} <= functions_of(evidence_of(watched))
    assert "test_a_block_is_named_by_the_function_that_it_stands_in" not in functions_of(
        evidence_of(watched)
    )


def test_a_block_in_a_task_is_named_while_it_awaits(watched: Seen, enough: Enough) -> None:
    async def around() -> None:
        async with _block():
            await query(lambda: enough.of(0, 3))

    async def main() -> None:
        await around()

    asyncio.run(main())
    assert {"around", "query"} <= functions_of(evidence_of(watched))
    assert "main" not in functions_of(evidence_of(watched))


def test_a_block_entered_by_an_exit_stack_is_named_all_the_same(
    watched: Seen, enough: Enough
) -> None:
    def around() -> None:
        with ExitStack() as exits:
            exits.enter_context(_block())
            _spin(lambda: enough.of(0, 3))

    around()
    assert {"around", "_spin"} <= functions_of(evidence_of(watched))


def test_each_of_two_tasks_names_what_it_awaits_itself(watched: Seen, enough: Enough) -> None:
    async def read_users() -> None:
        await query(lambda: enough.of(0, 4))

    async def read_orders() -> None:
        await query(lambda: enough.of(1, 4))

    async def main() -> None:
        await asyncio.gather(wrap(read_users, STACK)(), wrap(read_orders, STACK)())

    asyncio.run(main())
    by_name = {each.where.function.rpartition(".")[2]: each for each in watched.measurements}
    users = functions_of(by_name["read_users"].evidence[0])
    orders = functions_of(by_name["read_orders"].evidence[0])
    assert {"read_users", "query", "sleep"} <= users
    assert {"read_orders", "query", "sleep"} <= orders
    assert "read_orders" not in users
    assert "read_users" not in orders
    assert "main" not in users


def test_awaiting_is_followed_through_generators_and_tasks(watched: Seen, enough: Enough) -> None:
    async def rows() -> AsyncIterator[int]:
        await query(lambda: enough.of(0, 3))
        yield 1

    async def in_task() -> None:
        await query(enough.more(0, 3))

    async def handler() -> None:
        async for _ in rows():
            pass
        await asyncio.create_task(in_task())

    asyncio.run(wrap(handler, STACK)())
    stacks = list(evidence_of(watched).detail)
    assert any("handler" in each and "rows" in each and "query" in each for each in stacks)
    assert any("handler" in each and "in_task" in each and "query" in each for each in stacks)


def test_a_task_that_runs_what_is_awaited_is_looked_into(watched: Seen, enough: Enough) -> None:
    async def in_task() -> None:
        _spin(lambda: enough.of(0, 3))

    async def handler() -> None:
        await asyncio.create_task(in_task())

    asyncio.run(wrap(handler, STACK)())
    assert any("handler" in each and "_spin" in each for each in evidence_of(watched).detail)


def test_the_consumer_of_a_generator_is_not_sampled(watched: Seen, enough: Enough) -> None:
    def numbers() -> Iterator[int]:
        _spin(lambda: enough.of(0, 3))
        yield 1
        _spin(enough.more(0, 3))

    def consume() -> None:
        rounds = 0
        for _ in wrap(numbers, STACK)():
            while rounds < 50_000:
                rounds += 1

    consume()
    assert "_spin" in functions_of(evidence_of(watched))
    assert "consume" not in functions_of(evidence_of(watched))


def test_the_consumer_of_an_async_generator_is_not_sampled(watched: Seen, enough: Enough) -> None:
    async def numbers() -> AsyncIterator[int]:
        await query(lambda: enough.of(0, 3))
        yield 1
        await query(enough.more(0, 3))

    async def rest() -> None:
        await asyncio.sleep(0.01)

    async def consume() -> None:
        async for _ in wrap(numbers, STACK)():
            await rest()

    asyncio.run(consume())
    assert {"numbers", "query"} <= functions_of(evidence_of(watched))
    assert not {"consume", "rest"} & functions_of(evidence_of(watched))


def test_a_call_shorter_than_the_interval_has_no_samples(watched: Seen) -> None:
    wrap(len, STACK)(())
    assert (evidence_of(watched).note, evidence_of(watched).rows, evidence_of(watched).summary) == (
        NO_SAMPLES,
        (),
        "",
    )


def test_what_the_sampler_does_to_start_is_not_of_the_call(
    watched: Seen, enough: Enough, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where its thread is up long before the call goes on."""
    rounds: list[float] = []
    start, sample_due = stack._Thread.start, stack.Sampler.sample_due

    def sample_and_note(self: stack.Sampler) -> float:
        rounds.append(sample_due(self))
        return rounds[-1]

    def start_slowly(self: threading.Thread) -> None:
        start(self)
        _spin(lambda: len(rounds) > 5)

    monkeypatch.setattr(stack.Sampler, "sample_due", sample_and_note)
    monkeypatch.setattr(stack._Thread, "start", start_slowly)
    outer = enough.open()
    outer.interval = 1e-6
    outer.resume()
    _spin(lambda: enough.of(0, 1))
    wrap(len, STACK)(())
    outer.close()
    functions = functions_of(outer.evidence()[0]) | functions_of(evidence_of(watched))
    assert not {"start_slowly", "start", "wait"} & functions


def test_code_without_a_frame_in_python_is_called_native() -> None:
    assert stack_of([]) == NATIVE
