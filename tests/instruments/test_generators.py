"""Generators and context managers are measured, and otherwise behave as before."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

import perfkit
from perfkit import BudgetExceeded, Metric, memory_profiled, timed
from perfkit.testing import FakeClock


@timed
def numbers(count: int) -> Iterator[int]:
    """Count."""
    yield from range(count)


def _names(seen: Any) -> list[str]:
    return [m.where.function.rpartition(".")[2] for m in seen.measurements]


# -- generators


def test_a_generator_is_measured_when_it_has_run_not_when_it_is_made(seen: Any) -> None:
    made = numbers(3)
    assert seen.measurements == []
    assert list(made) == [0, 1, 2]
    assert _names(seen) == ["numbers"]


def test_a_generator_function_still_looks_like_one() -> None:
    assert inspect.isgeneratorfunction(numbers)
    assert str(inspect.signature(numbers)) == "(count: 'int') -> 'Iterator[int]'"
    assert (numbers.__name__, numbers.__doc__) == ("numbers", "Count.")
    assert inspect.isgenerator(numbers(1))
    assert numbers(1).__name__ == "numbers"  # type: ignore[attr-defined]  # a generator has a name


def test_wrong_arguments_of_a_generator_function_are_told_at_the_call() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        numbers()  # type: ignore[call-arg]  # the mistake under test


def test_time_active_and_time_suspended_are_told_apart(seen: Any, clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), observers=[seen], clock=clock, unknown_budgets="ignore")

    @timed("rows", first_item="1s")
    def rows() -> Iterator[int]:
        clock.advance(2)
        yield 1
        clock.advance(3)
        yield 2
        clock.advance(5)

    for _ in rows():
        clock.advance(100)
    (measurement,) = seen.measurements
    assert measurement.value(Metric.DURATION) == 10
    assert measurement.value(Metric.FIRST_ITEM) == 2
    assert measurement.suspended == 200


def test_include_suspended_adds_the_consumers_time(seen: Any, clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), observers=[seen], clock=clock)

    @timed(include_suspended=True)
    def rows() -> Iterator[int]:
        clock.advance(2)
        yield 1

    for _ in rows():
        clock.advance(100)
    assert seen.measurements[0].value(Metric.DURATION) == 102


def _echo() -> Any:
    heard = []
    while True:
        try:
            heard.append((yield len(heard)))
        except KeyError as error:
            heard.append(str(error))
        if heard[-1] == "enough":
            return heard


def test_a_generator_is_sent_to_thrown_into_and_returns_as_before(seen: Any) -> None:
    generator = timed(_echo)()
    assert next(generator) == 0
    assert generator.send("a") == 1
    assert generator.throw(KeyError("b")) == 2
    with pytest.raises(StopIteration) as stopped:
        generator.send("enough")
    assert stopped.value.value == ["a", "'b'", "enough"]
    assert [m.outcome for m in seen.measurements] == ["ok"]


def test_a_generator_that_is_closed_early_has_done_well_and_cleaned_up(seen: Any) -> None:
    cleaned = []

    @timed
    def rows() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(True)

    generator = rows()
    next(generator)
    generator.close()  # type: ignore[attr-defined]  # a generator can be closed
    assert cleaned == [True]
    assert [(m.outcome, m.error_type) for m in seen.measurements] == [("ok", "")]


def test_a_generator_that_refuses_to_close_says_so_as_before() -> None:
    @timed
    def stubborn() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = stubborn()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()  # type: ignore[attr-defined]  # a generator can be closed


def test_an_error_in_a_generator_is_counted_and_gains_one_frame(seen: Any) -> None:
    @timed
    def rows() -> Iterator[int]:
        yield 1
        raise LookupError("mine")

    with pytest.raises(LookupError) as caught:
        list(rows())
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[1:] == ["drive", "rows"]
    assert [m.outcome for m in seen.measurements] == ["error"]


def test_closing_a_generator_early_never_raises_a_budget(clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), clock=clock)

    @timed(threshold="1s", on_violation="raise")
    def rows() -> Iterator[int]:
        clock.advance(5)
        yield 1

    generator = rows()
    next(generator)
    generator.close()  # type: ignore[attr-defined]  # a generator can be closed
    with pytest.raises(BudgetExceeded):
        list(rows())


def test_memory_of_a_generator_is_its_own_and_not_its_consumers(seen: Any) -> None:
    @memory_profiled
    def rows() -> Iterator[int]:
        held = bytearray(5_000_000)
        yield 1
        del held

    for _ in rows():
        bytearray(50_000_000)
    assert seen.measurements[0].value(Metric.MEMORY_PEAK) == pytest.approx(5e6, rel=0.01)


# -- async generators


def test_an_async_generator_is_measured_over_its_items(seen: Any) -> None:
    @timed
    async def rows() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def main() -> list[int]:
        return [number async for number in rows()]

    assert inspect.isasyncgenfunction(rows)
    assert asyncio.run(main()) == [0, 1, 2]
    assert _names(seen) == ["rows"]


def test_an_async_generator_is_sent_to_thrown_into_and_closed_as_before(seen: Any) -> None:
    heard: list[Any] = []

    @memory_profiled
    async def echo() -> Any:
        try:
            while True:
                try:
                    heard.append((yield len(heard)))
                except KeyError as error:
                    heard.append(str(error))
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            heard.append("closed")

    async def main() -> None:
        generator = echo()
        assert await generator.asend(None) == 0
        assert await generator.asend("a") == 1
        assert await generator.athrow(KeyError("b")) == 2
        await generator.aclose()

    asyncio.run(main())
    assert heard == ["a", "'b'", "closed"]
    assert [m.outcome for m in seen.measurements] == ["ok"]


def test_a_cancelled_async_generator_is_counted_as_cancelled(seen: Any) -> None:
    @timed
    async def rows() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    async def consume() -> None:
        async for _ in rows():
            pass

    async def main() -> None:
        task = asyncio.create_task(consume())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [m.outcome for m in seen.measurements] == ["cancelled"]


# -- context managers


@pytest.mark.parametrize("is_above", [True, False])
def test_the_body_of_a_context_manager_is_measured_above_and_below(
    seen: Any,
    clock: FakeClock,
    is_above: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    perfkit.configure(perfkit.Catalog(), observers=[seen], clock=clock)

    def connection() -> Iterator[str]:
        clock.advance(1)
        yield "open"
        clock.advance(2)

    opened = timed(contextmanager(connection)) if is_above else contextmanager(timed(connection))
    with opened() as state:
        clock.advance(100)
    assert state == "open"
    assert seen.measurements[0].value(Metric.DURATION) == 3


@pytest.mark.parametrize("is_above", [True, False])
def test_an_async_context_manager_handles_exceptions_as_before(
    seen: Any,
    is_above: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    async def forgiving() -> AsyncIterator[str]:
        try:
            yield "open"
        except KeyError:
            await asyncio.sleep(0)

    made = (
        timed(asynccontextmanager(forgiving)) if is_above else asynccontextmanager(timed(forgiving))
    )

    async def main() -> None:
        async with made():
            raise KeyError

    asyncio.run(main())
    assert [m.outcome for m in seen.measurements] == ["ok"]
