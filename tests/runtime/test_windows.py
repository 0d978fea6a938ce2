"""Limits over a window and objectives, from calls to what is delivered."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import Any

import pytest

import perfkit
from perfkit import Metric, Statistic, Violation, budget, evaluate_windows, timed
from perfkit.catalog import parse_limits, parse_objective
from perfkit.model import Budget
from perfkit.testing import FakeClock, capture_violations
from tests.processes import fork

_P95 = {"threshold": "100ms", "statistic": "p95", "window": "1m", "min_samples": 3}


def _configure(clock: FakeClock | None, heard: list[Violation], *budgets: Budget) -> None:
    perfkit.configure(
        perfkit.Catalog(budgets=budgets), clock=clock, sinks=[heard.append], spans="never"
    )


def _budget(metric: Metric = Metric.DURATION, limit: Any = _P95, **rest: Any) -> Budget:
    return Budget(name="lookup", limits=parse_limits(metric, limit), **rest)


def _take(clock: FakeClock, seconds: float, *, gap: float = 1.0) -> None:
    with budget("lookup"):
        clock.advance(seconds)
    clock.advance(gap)


def test_a_window_is_news_when_it_breaks_and_when_it_holds_again(clock: FakeClock) -> None:
    heard: list[Violation] = []
    _configure(clock, heard, _budget())
    for seconds in [0.2] * 8 + [0.05] * 62:
        _take(clock, seconds)
    broke, recovered = heard
    assert (broke.limit.statistic, broke.is_recovery) == (Statistic.P95, False)
    assert broke.value == pytest.approx(0.2, rel=0.01)
    assert broke.samples >= 3
    assert (recovered.is_recovery, recovered.state, recovered.since_ns) == (
        True,
        "met",
        broke.at_ns,
    )
    assert recovered.severity is broke.severity
    assert "recovered lookup: duration p95 over 1 min is" in recovered.describe()


def test_one_call_is_not_held_to_a_window() -> None:
    with capture_violations() as violations:
        with budget("lookup", duration={"threshold": "0s", "statistic": "max"}) as spent:
            pass
        assert (spent.verdicts, violations) == ((), [])
        evaluate_windows()
    assert [violation.limit.statistic for violation in violations] == ["max"]


def test_calls_that_take_the_short_cut_are_judged_by_the_ticker() -> None:
    heard: list[Violation] = []
    broke = threading.Event()

    def hear(violation: Violation) -> None:
        heard.append(violation)
        broke.set()

    perfkit.configure(perfkit.Catalog(), sinks=[hear], spans="never")

    @timed("quick", duration={"threshold": "1ns", "statistic": "p50", "window": "3s"})
    def quick() -> None:
        pass

    for _ in range(100):
        quick()
    assert broke.wait(20)
    assert heard[0].samples == 100


def test_errors_of_calls_are_a_ratio(clock: FakeClock) -> None:
    heard: list[Violation] = []
    limit = {"threshold": "10%", "window": "1m", "min_samples": 10}
    _configure(clock, heard, _budget(Metric.ERROR_RATIO, limit))
    for number in range(20):
        with budget("lookup"):
            clock.advance(0.1)
        if number % 5 == 0:
            with pytest.raises(KeyError), budget("lookup"):
                raise KeyError
        clock.advance(1)
    assert [(v.limit.metric, v.state) for v in heard] == [("error_ratio", "violated")]
    (verdict,) = evaluate_windows()
    assert verdict.value == pytest.approx(4 / 24)
    assert verdict.samples == 24


def test_throughput_is_known_after_one_whole_window(clock: FakeClock) -> None:
    heard: list[Violation] = []
    _configure(clock, heard, _budget(Metric.THROUGHPUT, {"threshold": "2/s", "window": "10s"}))
    for _ in range(9):
        _take(clock, 0.0)
    assert [verdict.state for verdict in evaluate_windows()] == ["no_data"]
    for _ in range(3):
        _take(clock, 0.0)
    assert [(v.limit.metric, v.value) for v in heard] == [
        ("throughput", pytest.approx(1.0, rel=0.1))
    ]


@pytest.mark.parametrize("is_fast", [True, False])
def test_hits_and_misses_of_a_block_and_of_a_ratio_come_together(
    clock: FakeClock, *, is_fast: bool
) -> None:
    limit = {"threshold": "> 85%", "window": "5m"}
    _configure(None if is_fast else clock, [], _budget(Metric.HIT_RATIO, limit))
    lookups = perfkit.ratio("lookup")
    with budget("lookup") as spent:
        spent.hit(5)
        spent.miss()
    lookups.hit()
    lookups.miss(3)
    (verdict,) = evaluate_windows()
    assert (verdict.value, verdict.samples, verdict.state) == (0.6, 10, "violated")
    assert spent.hit_ratio == 5 / 6


@pytest.mark.parametrize("is_probed", [False, True])
def test_concurrency_is_how_many_run_at_once(*, is_probed: bool) -> None:
    probed = {"cpu_time": "1h"} if is_probed else {}

    @timed("lookup", concurrency={"threshold": "2", "window": "1m"}, on_violation="log", **probed)
    async def wait(event: asyncio.Event) -> None:
        await event.wait()

    async def many() -> None:
        event = asyncio.Event()
        tasks = [asyncio.create_task(wait(event)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        event.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        await wait(event)

    asyncio.run(many())
    (verdict,) = evaluate_windows()
    assert (verdict.value, verdict.samples, verdict.state) == (3.0, 4, "violated")


def test_no_call_in_flight_is_left_over() -> None:
    @timed("lookup", concurrency={"threshold": "2", "window": "1m"})
    def fail() -> None:
        raise KeyboardInterrupt

    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            fail()
    (verdict,) = evaluate_windows()
    assert verdict.value == 1.0


def test_a_raise_sink_cannot_raise_out_of_a_window(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    perfkit.configure(perfkit.Catalog(budgets=[_budget()]), clock=clock, sinks=["raise"])
    with caplog.at_level(logging.WARNING, "perfkit"):
        for _ in range(8):
            _take(clock, 0.3)
    assert "no call to raise this out of" in caplog.text
    assert "lookup: duration p95" in caplog.text


def test_a_window_goes_on_when_the_settings_change(clock: FakeClock) -> None:
    heard: list[Violation] = []
    _configure(clock, heard, _budget())
    for _ in range(2):
        _take(clock, 0.2)
    _configure(clock, heard, _budget())
    _take(clock, 0.2)
    assert [verdict.samples for verdict in evaluate_windows()] == [3]


def test_reset_forgets_windows_and_ends_the_thread() -> None:
    with budget("lookup", duration=_P95):
        pass
    assert "perfkit-ticker" in {thread.name for thread in threading.enumerate()}
    perfkit.reset()
    assert evaluate_windows() == ()
    assert "perfkit-ticker" not in {thread.name for thread in threading.enumerate()}


def test_an_objective_pages_when_its_error_budget_burns(clock: FakeClock) -> None:
    heard: list[Violation] = []
    objective = parse_objective({"ratio": "99%", "period": "30d", "min_samples": 20})
    _configure(clock, heard, _budget(limit="100ms", objective=objective))
    for number in range(400):
        _take(clock, 0.2 if number % 3 == 0 else 0.01, gap=10)
    burnt = [each for each in heard if each.limit.metric is Metric.BURN_RATE]
    assert [(each.state, each.is_recovery) for each in burnt] == [("violated", False)]
    assert burnt[0].value == pytest.approx(33, rel=0.1)
    for _ in range(400):
        _take(clock, 0.01, gap=10)
    assert [each.is_recovery for each in heard if each.limit.metric is Metric.BURN_RATE][1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_judges_its_own_calls_only() -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[lambda _: None], spans="never")

    @timed("lookup", duration={"threshold": "1ns", "statistic": "p50", "window": "5s"})
    def call() -> None:
        pass

    for _ in range(10):
        call()

    def in_child() -> None:
        call()
        assert [verdict.samples for verdict in evaluate_windows()] == [1]
        assert "perfkit-ticker" in {thread.name for thread in threading.enumerate()}

    assert fork(in_child) == 0
    assert [verdict.samples for verdict in evaluate_windows()] == [10]


def test_windows_are_exact_from_many_threads() -> None:
    @timed("lookup", duration={"threshold": "1h", "statistic": "p99", "window": "1h"})
    def call() -> None:
        pass

    def calls() -> None:
        for _ in range(2000):
            call()

    threads = [threading.Thread(target=calls) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        evaluate_windows()
        time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert [verdict.samples for verdict in evaluate_windows()] == [16_000]
