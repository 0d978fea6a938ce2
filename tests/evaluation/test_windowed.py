"""A limit over a sliding window, case by case."""

from __future__ import annotations

import math
from typing import Any

import pytest

from perfkit.evaluation import LimitWindow, state_of
from perfkit.model import (
    Budget,
    Direction,
    Limit,
    Metric,
    Reading,
    State,
    Statistic,
    Verdict,
)

_SECOND = 10**9
_MINUTE = 60 * _SECOND
_BEGAN = 17 * _SECOND + 3
_PERCENTS = {
    Statistic.P50: 50,
    Statistic.P90: 90,
    Statistic.P95: 95,
    Statistic.P99: 99,
    Statistic.MAX: 100,
}


def _limit(
    metric: Metric = Metric.DURATION,
    statistic: Statistic = Statistic.P95,
    target: float = 0.1,
    threshold: float = 0.3,
    **parts: Any,
) -> Limit:
    is_at_least = target > threshold or metric is Metric.THROUGHPUT
    return Limit(
        metric=metric,
        target=target,
        threshold=threshold,
        direction=Direction.AT_LEAST if is_at_least else Direction.AT_MOST,
        statistic=statistic,
        window=None if statistic is Statistic.EACH else parts.pop("window", 60.0),
        **parts,
    )


def _judged(window: LimitWindow, now_ns: int) -> Verdict:
    verdict = window.judge(Budget(name="load"), now_ns)
    assert verdict.state is window.state(now_ns)
    return verdict


def _filled(limit: Limit, *values: float, began_ns: int = 0) -> LimitWindow:
    window = LimitWindow(limit, began_ns)
    for value in values:
        window.add(Reading(value=value), began_ns)
    return window


def test_a_percentile_that_is_at_least_something_looks_from_the_other_end() -> None:
    limit = _limit(Metric.MEMORY_PEAK, Statistic.P50, 10.0, 5.0)
    assert _filled(limit, 1.0, 10.0, 10.0).state(0) is State.MET
    assert _filled(limit, 1.0, 7.0, 10.0).state(0) is State.DEGRADED
    assert _filled(limit, 1.0, 4.0, 10.0, 10.0).state(0) is State.VIOLATED


@pytest.mark.parametrize("line_ms", range(100, 125))
def test_an_estimate_is_moved_to_the_side_of_the_line_that_the_true_value_is_on(
    line_ms: int,
) -> None:
    """Wherever in its bucket the line is."""
    limit = _limit(Metric.DURATION, Statistic.P50, line_ms / 1e3, line_ms / 1e3)
    line_ns = line_ms * 10**6
    for nanoseconds, state in ((line_ns, State.MET), (line_ns + 1, State.VIOLATED)):
        window = LimitWindow(limit, 0)
        window.add_ordered_ns([1000, nanoseconds, nanoseconds, 10 * _SECOND], 0)
        verdict = _judged(window, 0)
        assert verdict.state is state
        assert verdict.value is not None
        assert state_of(limit, verdict.value) is state


def test_a_sample_leaves_as_its_sub_window_turns_one_window_old() -> None:
    window = LimitWindow(_limit(Metric.DURATION, Statistic.MAX), _BEGAN)
    window.add(Reading(value=1.0), _BEGAN + _SECOND // 2)
    assert window.state(_BEGAN + _MINUTE - 1) is State.VIOLATED
    assert window.state(_BEGAN + _MINUTE) is State.NO_DATA


def test_a_window_recovers_as_bad_samples_leave_and_good_ones_stay() -> None:
    window = LimitWindow(_limit(), 0)
    window.add_ordered_ns([_SECOND] * 100, 0)
    for second in range(1, 60):
        window.add_ordered_ns([10_000_000] * 10, second * _SECOND)
        assert window.state(second * _SECOND) is State.VIOLATED
    assert window.state(_MINUTE) is State.MET


def test_a_jump_over_many_windows_empties_it_and_it_fills_again() -> None:
    window = _filled(_limit(), *[1.0] * 50)
    later = 10**9 * _MINUTE + 7
    verdict = _judged(window, later)
    assert (verdict.state, verdict.samples, verdict.contended) == (State.NO_DATA, 0, False)
    window.add(Reading(value=0.2), later)
    assert _judged(window, later).state is State.DEGRADED


def test_a_time_that_goes_back_is_taken_for_the_latest() -> None:
    window = LimitWindow(_limit(), 0)
    window.add(Reading(value=0.2), 50 * _SECOND)
    window.add(Reading(value=0.2), -_MINUTE)
    assert _judged(window, 3 * _SECOND).samples == 2
    assert _judged(window, 110 * _SECOND - 1).samples == 2
    assert _judged(window, 110 * _SECOND).samples == 0


def test_no_data_says_how_many_samples_are_missing() -> None:
    window = _filled(_limit(min_samples=20), *[0.2] * 3)
    verdict = _judged(window, 0)
    assert (verdict.state, verdict.value, verdict.severity) == (State.NO_DATA, None, None)
    assert (verdict.reason, verdict.samples) == ("3 of 20 samples", 3)


@pytest.mark.parametrize("statistic", [Statistic.P95, Statistic.MAX, Statistic.MEAN])
def test_a_reading_without_a_value_is_no_sample_and_says_why_while_it_is_in_the_window(
    statistic: Statistic,
) -> None:
    window = LimitWindow(_limit(Metric.CPU_TIME, statistic), 0)
    window.add(Reading(value=None, reason="no such counter"), 0)
    window.add(Reading(value=math.nan), 0)
    window.add(Reading(value=None, reason="the counter went back"), 0)
    assert _judged(window, 0).reason == "0 of 1 samples; the counter went back"
    assert _judged(window, _MINUTE).reason == "0 of 1 samples"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("statistic", [Statistic.P95, Statistic.MAX, Statistic.MEAN])
def test_what_is_not_finite_is_no_sample(value: float, statistic: Statistic) -> None:
    window = _filled(_limit(Metric.CPU_TIME, statistic), value, 0.1)
    verdict = _judged(window, 0)
    assert (verdict.state, verdict.samples) == (State.MET, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_latest_value_that_is_not_finite_is_no_data(value: float) -> None:
    window = _filled(_limit(Metric.MEMORY_RSS, Statistic.EACH), 1.0, value)
    assert _judged(window, 0).state is State.NO_DATA


def test_a_fraction_that_is_not_finite_is_no_sample() -> None:
    window = LimitWindow(_limit(Metric.CPU_UTILIZATION, Statistic.MEAN), 0)
    window.add(Reading(value=0.0, fraction=(1.0, math.inf)), 0)
    assert _judged(window, 0).samples == 0


def test_a_contended_sample_makes_the_verdict_contended_until_it_leaves() -> None:
    window = LimitWindow(_limit(Metric.MEMORY_PEAK, Statistic.MAX, 1e6, 2e6), 0)
    window.add(Reading(value=5e5, contended=True, reason="another thread traced too"), 0)
    window.add(Reading(value=3e5), 0)
    window.add(Reading(value=4e5), 30 * _SECOND)
    before, after = _judged(window, 59 * _SECOND), _judged(window, _MINUTE)
    assert (before.contended, before.reason) == (True, "another thread traced too")
    assert (after.contended, after.reason, after.value) == (False, "", 4e5)


def test_means_of_ten_thousand_values_lose_nothing_to_rounding() -> None:
    """A running float sum would keep a trace of the large value after it left."""
    window = LimitWindow(_limit(Metric.MEMORY_GROWTH, Statistic.MEAN, 1.0, 2.0), 0)
    window.add(Reading(value=1e22), 0)
    for second in range(1, 60):
        window.add(Reading(value=0.1), second * _SECOND, count=170)
    verdict = _judged(window, _MINUTE)
    assert (verdict.samples, verdict.value) == (59 * 170, 0.1)


def test_the_mean_of_whole_nanoseconds_is_exact() -> None:
    window = LimitWindow(_limit(Metric.DURATION, Statistic.MEAN), 0)
    for second in range(60):
        window.add_ordered_ns([100_000_000] * 1000, second * _SECOND)
    assert _judged(window, 59 * _SECOND).value == 0.1
    window.add_ordered_ns([100_000_060 * 1000], 59 * _SECOND)
    assert window.state(59 * _SECOND) is State.DEGRADED


def test_calls_counted_once_a_sub_window_give_the_true_rate() -> None:
    """50 a second, counted each second at about the same time, are 50 a second."""
    window = LimitWindow(_limit(Metric.THROUGHPUT, Statistic.RATE, 50.0, 50.0), 0)
    for second in range(1, 200):
        now_ns = second * _SECOND + 400_000_000
        window.add_fraction(50, 0, now_ns)
        verdict = _judged(window, now_ns)
        assert verdict.value == (None if second < 60 else 50.0)


def test_a_half_filled_window_does_not_prove_that_there_was_too_little() -> None:
    window = LimitWindow(_limit(Metric.THROUGHPUT, Statistic.RATE, 50.0, 20.0), 0)
    window.add_fraction(10, 0, 0)
    verdict = _judged(window, 59 * _SECOND)
    assert verdict.state is State.NO_DATA
    assert verdict.reason == "not yet watched for a whole window of 1 min"


def test_a_half_filled_window_may_prove_that_there_was_too_much() -> None:
    window = LimitWindow(_limit(Metric.DISK_WRITE_RATE, Statistic.RATE, 1e6, 2e6), 0)
    window.add(Reading(value=1e9, fraction=(1e9, 1.0)), _SECOND)
    verdict = _judged(window, _SECOND)
    assert (verdict.state, verdict.value) == (State.VIOLATED, 1e9 / 60)


def test_an_idle_window_is_no_data_rather_than_too_little() -> None:
    window = LimitWindow(_limit(Metric.THROUGHPUT, Statistic.RATE, 50.0, 20.0), 0)
    verdict = _judged(window, 5 * _MINUTE)
    assert (verdict.state, verdict.reason) == (State.NO_DATA, "0 of 1 samples")


def test_throughput_counts_calls_however_they_are_told() -> None:
    window = LimitWindow(_limit(Metric.THROUGHPUT, Statistic.RATE, 1.0, 0.5), 0)
    window.add_fraction(30, 0, _MINUTE)
    window.add_ordered_ns([5] * 60, _MINUTE)
    window.add(Reading(value=123.0), _MINUTE, count=30)
    verdict = _judged(window, _MINUTE)
    assert (verdict.samples, verdict.value) == (120, 2.0)


def test_utilization_is_weighed_by_time_and_not_by_readings() -> None:
    """An hour of rest and a second of work are not half work."""
    window = LimitWindow(_limit(Metric.CPU_UTILIZATION, Statistic.MEAN, 0.5, 0.9), 0)
    window.add(Reading(value=1.0, fraction=(1.0, 1.0)), 0)
    window.add(Reading(value=0.0, fraction=(0.0, 99.0)), 0)
    verdict = _judged(window, 0)
    assert (verdict.value, verdict.samples) == (0.01, 2)


def test_where_no_time_passed_there_is_nothing_to_divide_by() -> None:
    window = LimitWindow(_limit(Metric.CPU_UTILIZATION, Statistic.MEAN), 0)
    window.add(Reading(value=0.0, fraction=(0.0, 0.0)), 0)
    verdict = _judged(window, 0)
    assert (verdict.state, verdict.reason) == (State.NO_DATA, "nothing to divide by")


def test_no_tries_are_no_sample() -> None:
    window = LimitWindow(_limit(Metric.HIT_RATIO, Statistic.RATIO, 0.9, 0.8), 0)
    window.add_fraction(0, 0, 0)
    assert _judged(window, 0).samples == 0


def test_readings_with_hits_and_tries_pool_with_counts_of_them() -> None:
    window = LimitWindow(_limit(Metric.HIT_RATIO, Statistic.RATIO, 0.9, 0.8), 0)
    window.add(Reading(value=0.5, fraction=(5, 10)), 0, count=2)
    window.add_fraction(80, 80, 0)
    verdict = _judged(window, 0)
    assert (verdict.samples, verdict.value, verdict.state) == (100, 0.9, State.MET)


def test_each_value_is_judged_by_the_latest_one_however_old() -> None:
    window = LimitWindow(_limit(Metric.MEMORY_RSS, Statistic.EACH, 1e6, 2e6), 0)
    assert _judged(window, 0).reason == "not measured at this place"
    window.add(Reading(value=3e6), 0)
    assert (_judged(window, 0).value, window.state(0)) == (3e6, State.VIOLATED)
    window.add(Reading(value=1.5e6, contended=True, reason="shared"), _SECOND)
    verdict = _judged(window, 10 * _MINUTE)
    assert (verdict.state, verdict.value, verdict.samples) == (State.DEGRADED, 1.5e6, 1)
    assert (verdict.contended, verdict.reason) == (True, "shared")
    window.add(Reading(value=None, reason="access denied"), _SECOND)
    gone = _judged(window, _SECOND)
    assert (gone.state, gone.samples, gone.reason) == (State.NO_DATA, 0, "access denied")


def test_an_empty_batch_changes_nothing() -> None:
    for statistic in (Statistic.P95, Statistic.MEAN):
        window = LimitWindow(_limit(Metric.DURATION, statistic), 0)
        window.add_ordered_ns([], 0)
        assert _judged(window, 0).state is State.NO_DATA


def test_a_verdict_names_budget_and_limit() -> None:
    budget, limit = Budget(name="load", critical=True), _limit()
    verdict = _filled(limit, 1.0).judge(budget, 0)
    assert verdict.budget is budget
    assert verdict.limit is limit
    assert verdict.severity == "critical"
