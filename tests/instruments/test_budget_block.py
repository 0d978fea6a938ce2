"""`budget()` as a block, sync and async, and as a decorator."""

from __future__ import annotations

import asyncio
import re
import threading

import pytest

import perfkit
from perfkit import BudgetExceeded, State, budget
from perfkit.testing import FakeClock, capture_violations


@pytest.fixture(autouse=True)
def _on_this_clock(clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), clock=clock, unknown_budgets="ignore")


def test_a_block_gives_what_it_spent(clock: FakeClock) -> None:
    with budget("upload", duration="2s") as spent:
        assert spent.duration is None
        clock.advance(0.5)
    assert spent.duration == 0.5
    assert spent.outcome == "ok"
    assert spent.state is State.MET
    assert [verdict.value for verdict in spent.verdicts] == [0.5]


def test_what_is_not_measured_is_none() -> None:
    with budget("upload") as spent:
        pass
    assert spent.duration == 0
    assert (spent.cpu_time, spent.memory_peak, spent.memory_growth, spent.memory_rss) == (None,) * 4
    assert spent.state is State.NO_DATA


def test_every_limit_of_a_call_is_measured_for_it() -> None:
    with budget(
        "upload",
        cpu_time="10s",
        memory_peak="1GB",
        memory_growth="1GB",
        memory_rss={"threshold": "100GB", "statistic": "each"},
    ) as spent:
        pass
    assert spent.cpu_time is not None
    assert spent.memory_peak is not None
    assert spent.memory_growth is not None
    assert spent.memory_rss is not None
    assert spent.state is State.MET


def test_a_result_shows_the_budget_the_state_and_the_values(clock: FakeClock) -> None:
    with budget("upload", duration="2s", cpu_time="5s") as spent:
        assert repr(spent) == "<BudgetBlock upload: not finished>"
        clock.advance(0.5)
    assert repr(spent).startswith("<BudgetBlock upload met: duration 500 ms, ")
    assert re.search(r"cpu_time [\d.]+ ", repr(spent))
    block = budget(duration="1s")
    with block, block as inner:
        clock.advance(3)
    assert repr(inner).startswith("<BudgetResult tests.")
    assert "violated: duration 3 s" in repr(inner)


def test_spent_is_filled_even_when_leaving_raises(clock: FakeClock) -> None:
    with (
        pytest.raises(BudgetExceeded),
        budget("upload", duration="1s", on_violation="raise") as spent,
    ):
        clock.advance(3)
    assert spent.duration == 3


def test_an_exception_in_the_block_is_counted_and_passes(clock: FakeClock) -> None:
    block = budget("upload")
    with pytest.raises(ValueError, match="mine"), block as spent:  # noqa: PT012 - leaving the block is what is tested
        clock.advance(1)
        raise ValueError("mine")
    assert (spent.outcome, spent.duration) == ("error", 1)


def test_an_async_block_is_measured(clock: FakeClock) -> None:
    async def main() -> float | None:
        async with budget("upload") as spent:
            await asyncio.sleep(0)
            clock.advance(2)
        return spent.duration

    assert asyncio.run(main()) == 2


def test_nested_blocks_read_their_own_peaks() -> None:
    with budget("outer", memory_peak="1GB") as outer:
        held = bytearray(80_000_000)
        with budget("inner", memory_peak="1GB") as inner:
            bytearray(10_000_000)
        del held
    assert inner.memory_peak == pytest.approx(10e6, rel=0.01)
    assert outer.memory_peak == pytest.approx(90e6, rel=0.01)


def test_an_inner_block_does_not_hide_the_peak_before_it() -> None:
    with budget("outer", memory_peak="1GB") as outer:
        bytearray(80_000_000)
        with budget("inner", memory_peak="1GB"):
            bytearray(10_000_000)
    assert outer.memory_peak == pytest.approx(80e6, rel=0.01)


def test_one_block_object_can_be_entered_again_while_open(clock: FakeClock) -> None:
    block = budget("upload")
    with block as outer:
        clock.advance(1)
        with block as inner:
            clock.advance(2)
        clock.advance(4)
    assert (inner.duration, outer.duration) == (2, 7)
    with block as later:
        clock.advance(8)
    assert later.duration == 8


def test_one_block_object_keeps_tasks_apart(clock: FakeClock) -> None:
    block = budget("upload")

    async def first(entered: asyncio.Event, go: asyncio.Event) -> float | None:
        async with block as spent:
            clock.advance(1)
            entered.set()
            await go.wait()
        return spent.duration

    async def second(entered: asyncio.Event, go: asyncio.Event) -> float | None:
        await entered.wait()
        async with block as spent:
            clock.advance(10)
            go.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            clock.advance(100)
        return spent.duration

    async def main() -> list[float | None]:
        entered, go = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(first(entered, go), second(entered, go))

    assert asyncio.run(main()) == [11, 110]


def test_one_block_object_keeps_threads_apart(clock: FakeClock) -> None:
    block = budget("upload")
    spent_inside = []

    def enter() -> None:
        with block as spent:
            clock.advance(5)
        spent_inside.append(spent.duration)

    with block as outer:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        clock.advance(1)
    assert (spent_inside, outer.duration) == ([5], 6)


def test_leaving_a_block_that_was_not_entered_is_an_error() -> None:
    with pytest.raises(TypeError):
        budget("upload").__exit__(None, None, None)


def test_a_block_without_a_name_is_named_after_its_function(clock: FakeClock) -> None:
    with capture_violations() as violations, budget(duration="1s"):
        clock.advance(2)
    assert violations[0].budget.name.endswith(
        "test_a_block_without_a_name_is_named_after_its_function"
    )


def test_a_block_knows_the_line_it_stands_on(clock: FakeClock) -> None:
    with capture_violations() as violations:
        for _ in range(2):
            with budget("upload", duration="1s"):
                clock.advance(2)
    assert len({violation.where.line for violation in violations}) == 1
    assert violations[0].where.file == __file__


def test_other_limits_on_the_same_line_count_for_that_entry(clock: FakeClock) -> None:
    states = []
    for limit in ("1s", "10s"):
        with budget("upload", duration=limit, sinks=[]) as spent:
            clock.advance(2)
        states.append(spent.state)
    assert states == [State.VIOLATED, State.MET]


def test_a_block_is_a_decorator_too(clock: FakeClock) -> None:
    @budget("upload", duration="1s")
    def upload() -> str:
        clock.advance(2)
        return "done"

    with capture_violations() as violations:
        assert upload() == "done"
    assert [violation.value for violation in violations] == [2]


def test_budget_as_a_bare_decorator_is_refused_with_a_guess() -> None:
    with pytest.raises(TypeError, match="to decorate, use timed"):
        budget(len)  # type: ignore[arg-type]  # the mistake under test


def test_a_contended_peak_warns_and_does_not_raise() -> None:
    """Two threads share one tracer: what each reads may be the other's."""
    both_in = threading.Barrier(2)
    both_done = threading.Barrier(2)
    results = []

    def hold(size: int) -> None:
        with budget("held", memory_peak="1MB", on_violation="raise") as spent:
            both_in.wait()
            held = bytearray(size)
            both_done.wait()
            del held
        results.append((spent.state, spent.verdicts[0].contended))

    threads = [threading.Thread(target=hold, args=(size,)) for size in (10_000_000, 50_000_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(State.VIOLATED, True)] * 2


def test_off_measures_nothing(clock: FakeClock) -> None:
    with perfkit.override(perfkit.Catalog(), enabled=False), budget("upload") as spent:
        clock.advance(1)
    assert (spent.duration, spent.outcome, spent.state) == (None, None, State.NO_DATA)
