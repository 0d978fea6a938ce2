"""The decorators on functions and coroutine functions."""

from __future__ import annotations

import asyncio
import inspect
import threading
import traceback
from typing import Any

import pytest

import perfkit
from perfkit import BudgetExceeded, Metric, cpu_profiled, memory_profiled, timed
from perfkit.testing import FakeClock, capture_violations


@timed
def module_level(number: int, *, by: int = 2) -> int:
    """Multiply."""
    return number * by


@pytest.fixture
def _stopped(clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), clock=clock)


def _burn(rounds: int = 20_000) -> int:
    return sum(number * number for number in range(rounds))


def test_a_bare_decorator_keeps_what_a_function_is() -> None:
    assert module_level(4, by=3) == 12
    assert module_level.__name__ == "module_level"
    assert module_level.__doc__ == "Multiply."
    assert str(inspect.signature(module_level)) == "(number: 'int', *, by: 'int' = 2) -> 'int'"
    assert inspect.unwrap(module_level) is not module_level


def test_a_coroutine_function_stays_one() -> None:
    @timed
    async def load() -> int:
        return 1

    assert inspect.iscoroutinefunction(load)
    assert asyncio.run(load()) == 1


def test_a_method_is_measured_with_its_instance() -> None:
    class Store:
        size = 3

        @timed
        def count(self) -> int:
            return self.size

    assert Store().count() == 3
    assert Store.count.__qualname__.endswith("Store.count")


@pytest.mark.usefixtures("_stopped")
def test_a_broken_threshold_is_a_violation_that_says_where(clock: FakeClock) -> None:
    @timed("load", target="100ms", threshold="300ms", category="database", critical=True)
    def load() -> None:
        clock.advance(0.4)

    with capture_violations() as violations:
        load()
    (violation,) = violations
    assert (violation.value, violation.severity) == (0.4, "critical")
    assert violation.where.function.endswith("load")
    assert violation.where.file == __file__
    assert violation.where.line > 0
    assert violation.describe().startswith(
        "critical load: duration was 400 ms, threshold is at most 300 ms (1.33 x), in "
    )


@pytest.mark.usefixtures("_stopped")
def test_a_missed_target_is_degraded(clock: FakeClock) -> None:
    @timed(target="100ms", threshold="300ms")
    def load() -> None:
        clock.advance(0.2)

    with capture_violations() as violations:
        load()
    assert [(v.state, v.severity) for v in violations] == [("degraded", "info")]
    assert "target is at most 100 ms" in violations[0].describe()


@pytest.mark.usefixtures("_stopped")
def test_the_duration_of_a_coroutine_includes_its_waiting(clock: FakeClock) -> None:
    @timed("fetch", threshold="1s")
    async def fetch() -> None:
        clock.advance(0.6)
        await asyncio.sleep(0)
        clock.advance(0.6)

    with capture_violations() as violations:
        asyncio.run(fetch())
    assert [v.value for v in violations] == [pytest.approx(1.2)]


@pytest.mark.usefixtures("_stopped")
def test_recursion_measures_each_call_by_itself(clock: FakeClock) -> None:
    @timed("descend", threshold="0s")
    def descend(depth: int) -> None:
        clock.advance(1)
        if depth:
            descend(depth - 1)

    with capture_violations() as violations:
        descend(2)
    assert [v.value for v in violations] == [1.0, 2.0, 3.0]


def test_an_exception_passes_with_at_most_one_more_frame() -> None:
    @timed
    def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        fail()
    functions = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert functions[1:] == ["measured", "fail"]


@pytest.mark.usefixtures("_stopped")
def test_raise_lets_a_broken_budget_reach_the_caller(clock: FakeClock) -> None:
    @timed(threshold="1s", on_violation="raise")
    def slow() -> None:
        clock.advance(2)

    with pytest.raises(BudgetExceeded, match="duration was 2 s") as caught:
        slow()
    assert [v.value for v in caught.value.violations] == [2.0]


@pytest.mark.usefixtures("_stopped")
def test_raise_never_replaces_the_exception_in_flight(clock: FakeClock) -> None:
    @timed(threshold="1s", on_violation="raise")
    def slow() -> None:
        clock.advance(2)
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        slow()
    assert "duration was 2 s" in caught.value.__notes__[0]


def test_a_cancelled_coroutine_is_counted_as_cancelled(seen: Any) -> None:
    @timed
    async def wait() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [(m.outcome, m.error_type) for m in seen.measurements] == [
        ("cancelled", "asyncio.exceptions.CancelledError")
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ValueError, "error"), (KeyboardInterrupt, "cancelled"), (SystemExit, "cancelled")],
)
def test_every_way_to_end_is_counted(seen: Any, error: type[BaseException], outcome: str) -> None:
    @timed
    def end() -> None:
        raise error

    with pytest.raises(error):
        end()
    assert [(m.outcome, m.error_type) for m in seen.measurements] == [(outcome, error.__name__)]


def test_threads_are_measured_each_by_itself(seen: Any) -> None:
    barrier = threading.Barrier(8)

    @timed("together")
    def meet() -> None:
        barrier.wait()

    threads = [threading.Thread(target=meet) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen.measurements) == 8


def test_memory_profiled_tells_concurrent_coroutines_apart(seen: Any) -> None:
    """Two tasks hold 15 MB and 60 MB at once; each reads its own."""

    @memory_profiled
    async def hold(size: int) -> None:
        first = bytearray(size)
        await asyncio.sleep(0.01)
        second = bytearray(size // 2)
        await asyncio.sleep(0.01)
        del first, second

    async def main() -> None:
        await asyncio.gather(hold(10_000_000), hold(40_000_000))

    asyncio.run(main())
    peaks = [m.readings[Metric.MEMORY_PEAK] for m in seen.measurements]
    assert [p.value for p in peaks] == [
        pytest.approx(15e6, rel=0.01),
        pytest.approx(60e6, rel=0.01),
    ]
    assert not any(p.contended for p in peaks)


def test_memory_profiled_reads_the_peak_and_the_growth_of_the_process(seen: Any) -> None:
    @memory_profiled
    def allocate() -> int:
        return len(bytearray(5_000_000))

    assert allocate() == 5_000_000
    (measurement,) = seen.measurements
    assert measurement.value(Metric.MEMORY_PEAK) == pytest.approx(5e6, rel=0.01)
    assert measurement.value(Metric.MEMORY_GROWTH) is not None
    assert measurement.slowed_by == {"tracemalloc"}


def test_cpu_profiled_names_the_functions_that_took_the_time(seen: Any) -> None:
    @cpu_profiled
    def work() -> int:
        return _burn()

    work()
    (measurement,) = seen.measurements
    (evidence,) = measurement.evidence
    assert {"_burn", "work"} <= {row["function"] for row in evidence.rows}
    assert evidence.rows[0]["self_s"] >= evidence.rows[-1]["self_s"]
    assert " call" in evidence.summary
    assert measurement.value(Metric.CPU_TIME) > 0


def test_cpu_profiled_sees_the_body_of_a_coroutine(seen: Any) -> None:
    @cpu_profiled
    async def work() -> int:
        _burn()
        await asyncio.sleep(0)
        return _burn()

    asyncio.run(work())
    rows = {row["function"]: row["calls"] for row in seen.measurements[0].evidence[0].rows}
    assert rows["_burn"] == 2


def test_cpu_time_of_a_coroutine_leaves_out_what_ran_in_between(seen: Any) -> None:
    @timed("patient", cpu_time="10s")
    async def patient(done: asyncio.Event) -> None:
        await done.wait()

    async def main() -> None:
        done = asyncio.Event()
        task = asyncio.create_task(patient(done))
        await asyncio.sleep(0)
        _burn(1_000_000)
        done.set()
        await task

    asyncio.run(main())
    (measurement,) = seen.measurements
    assert measurement.value(Metric.CPU_TIME) < measurement.value(Metric.DURATION) / 2


def test_a_coroutine_driven_in_steps_gets_every_exception_and_value() -> None:
    @memory_profiled
    async def resilient() -> list[str]:
        heard = []
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            heard.append("cancelled")
        await asyncio.sleep(0)
        heard.append("went on")
        return heard

    async def main() -> list[str]:
        task = asyncio.create_task(resilient())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main()) == ["cancelled", "went on"]


def test_a_coroutine_driven_in_steps_runs_its_cleanup_when_closed() -> None:
    cleaned = []

    class Suspension:
        def __await__(self) -> Any:
            yield "suspended"

    @memory_profiled
    async def tidy() -> None:
        try:
            await Suspension()
        finally:
            cleaned.append(True)

    coroutine = tidy()
    assert coroutine.send(None) == "suspended"
    coroutine.close()
    assert cleaned == [True]


def test_a_call_that_started_before_a_reconfiguration_ends_as_it_began(clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), clock=clock)

    @timed("load", threshold="1s")
    def load() -> None:
        perfkit.configure(perfkit.Catalog(), enabled=False)
        clock.advance(2)

    heard: list[perfkit.Violation] = []
    perfkit.configure(perfkit.Catalog(), clock=clock, sinks=[heard.append])
    load()
    load()
    assert [violation.value for violation in heard] == [2.0]


async def _walk(task: asyncio.Task[Any]) -> list[str]:
    """Return the functions that `task` waits in, as asyncio's call graph finds them."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    names, awaited = [], task.get_coro()
    while hasattr(awaited, "cr_await"):
        names.append(awaited.cr_frame.f_code.co_name)
        awaited = awaited.cr_await
    task.cancel()
    return names


@pytest.mark.parametrize("limits", [{}, {"cpu_time": "9s"}])
def test_debuggers_reach_the_measured_coroutine(limits: dict[str, str]) -> None:
    @timed("work", duration="9s", **limits)
    async def work() -> None:
        await leaf()

    async def leaf() -> None:
        await asyncio.Event().wait()

    async def application() -> list[str]:
        return await _walk(asyncio.create_task(work()))

    assert asyncio.run(application())[-3:] == ["work", "leaf", "wait"]
