"""Every measured call in metrics, exactly."""

from __future__ import annotations

from typing import Any

import pytest

import perfkit
from perfkit import Metric, budget, memory_profiled, timed
from perfkit.catalog import parse_limits
from perfkit.model import Budget
from perfkit.otel.metrics import bounds_for
from perfkit.runtime import internal_errors
from perfkit.testing import FakeClock

_CATALOG = perfkit.Catalog(
    budgets=[
        Budget(
            name="load",
            category="database",
            limits=parse_limits(Metric.DURATION, ("137ms", "411ms")),
        )
    ]
)


@pytest.fixture(autouse=True)
def _reporting(backend: Any, clock: FakeClock) -> None:
    perfkit.configure(
        _CATALOG, telemetry=backend.telemetry, clock=clock, unknown_budgets="ignore", sinks=[]
    )


def test_durations_fall_into_buckets_that_end_at_the_budgets_lines(
    backend: Any, clock: FakeClock
) -> None:
    for seconds in (0.137, 0.138, 0.411, 0.412):
        with budget("load"):
            clock.advance(seconds)
    (point,) = backend.points("perfkit.call.duration")
    bounds = list(point.explicit_bounds)
    assert {0.137, 0.411} <= set(bounds)
    assert sum(point.bucket_counts[: bounds.index(0.137) + 1]) == 1
    assert sum(point.bucket_counts[: bounds.index(0.411) + 1]) == 3
    assert (point.count, point.sum) == (4, pytest.approx(1.098))
    assert dict(point.attributes) == {
        "perfkit.budget.name": "load",
        "perfkit.budget.category": "database",
        "perfkit.outcome": "ok",
    }


def test_verdicts_are_counted_by_state(backend: Any, clock: FakeClock) -> None:
    for seconds in (0.1, 0.1, 0.2, 0.5):
        with budget("load"):
            clock.advance(seconds)
    counts = {
        point.attributes["perfkit.budget.state"]: point.value
        for point in backend.points("perfkit.budget.verdicts")
    }
    assert counts == {"met": 2, "degraded": 1, "violated": 1}
    point = backend.points("perfkit.budget.verdicts")[0]
    assert set(point.attributes) == {
        "perfkit.budget.name",
        "perfkit.budget.category",
        "perfkit.budget.state",
        "perfkit.metric",
    }


def test_failed_and_cancelled_calls_are_counted_under_their_outcome(backend: Any) -> None:
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), budget("load"):
            raise error
    outcomes = [p.attributes["perfkit.outcome"] for p in backend.points("perfkit.call.duration")]
    assert sorted(outcomes) == ["cancelled", "error"]


def test_memory_and_cpu_time_have_histograms_and_profiled_durations_have_none(backend: Any) -> None:
    @memory_profiled("warm_up", cpu_time="10s")
    def warm_up() -> int:
        return len(bytearray(2_000_000))

    warm_up()
    (memory,) = backend.points("perfkit.call.memory.peak")
    (cpu,) = backend.points("perfkit.call.cpu.time")
    assert memory.sum == pytest.approx(2e6, rel=0.01)
    assert cpu.count == 1
    assert backend.points("perfkit.call.duration") == []  # the profiler made them longer


def test_a_limit_in_code_is_a_bound_too(backend: Any, clock: FakeClock) -> None:
    @timed("upload", threshold="1234ms")
    def upload() -> None:
        clock.advance(1)

    upload()
    (point,) = backend.points("perfkit.call.duration")
    assert 1.234 in point.explicit_bounds


def test_a_line_that_comes_later_gets_its_bound_and_no_call_is_lost(
    backend: Any, clock: FakeClock
) -> None:
    with budget("load"):
        clock.advance(1)
    later = perfkit.Catalog(
        budgets=[Budget(name="load", limits=parse_limits(Metric.DURATION, "777ms"))]
    )
    perfkit.configure(later, telemetry=backend.telemetry, clock=clock, sinks=[])
    with budget("load"):
        clock.advance(1)
    points = backend.points("perfkit.call.duration")
    assert sum(point.count for point in points) == 2
    assert [0.777 in point.explicit_bounds for point in points] == [False, True]


@pytest.mark.usefixtures("lenient")
def test_perfkits_own_failures_are_counted(backend: Any, clock: FakeClock) -> None:
    def broken(violation: perfkit.Violation) -> None:
        raise RuntimeError("broken")

    before = internal_errors.counts().get("sink broken", 0)
    perfkit.configure(_CATALOG, telemetry=backend.telemetry, clock=clock, sinks=[broken])
    with budget("load"):
        clock.advance(5)
    points = {p.attributes["perfkit.part"]: p.value for p in backend.points("perfkit.sink.errors")}
    assert points["broken"] - before == 1
    own = {p.attributes["perfkit.part"] for p in backend.points("perfkit.self.errors")}
    assert not own & {"broken", "sink broken"}


def test_bounds_are_round_ones_with_every_line_among_them() -> None:
    bounds = bounds_for(Metric.DURATION, [0.3, 0.137, 0.0])
    assert bounds == sorted(set(bounds))
    assert bounds[0] > 0
    assert {0.137, 0.3, 0.0001, 0.1, 1.0} <= set(bounds)
    assert {1000.0, 1e10} <= set(bounds_for(Metric.MEMORY_PEAK))
