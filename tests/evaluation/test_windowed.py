"""A limit over a sliding window, case by case."""

from __future__ import annotations

import math

import pytest

from perfkit.evaluation.per_call import state_of
from perfkit.evaluation.windowed import LimitWindow
from perfkit.model import Limit, Metric, Reading, State, Statistic
from tests.evaluation.limit_windows import MINUTE, SECOND, judged, make_limit


def _filled(limit: Limit, *values: float) -> LimitWindow:
    window = LimitWindow(limit, 0)
    for value in values:
        window.add(Reading(value=value), 0)
    return window


@pytest.mark.parametrize("line_ms", range(100, 125))
def test_an_estimate_is_moved_to_the_side_of_the_line_that_the_true_value_is_on(
    line_ms: int,
) -> None:
    """Wherever in its bucket the line is."""
    limit = make_limit(Metric.DURATION, Statistic.P50, line_ms / 1e3, line_ms / 1e3)
    line_ns = line_ms * 10**6
    for nanoseconds, state in ((line_ns, State.MET), (line_ns + 1, State.VIOLATED)):
        window = LimitWindow(limit, 0)
        window.add_ordered_ns([1000, nanoseconds, nanoseconds, 10 * SECOND], 0)
        verdict = judged(window, 0)
        assert verdict.state is state
        assert verdict.value is not None
        assert state_of(limit, verdict.value) is state


@pytest.mark.parametrize("statistic", [Statistic.P95, Statistic.MAX, Statistic.MEAN])
def test_a_reading_without_a_value_is_no_sample_and_says_why_while_it_is_in_the_window(
    statistic: Statistic,
) -> None:
    window = LimitWindow(make_limit(Metric.CPU_TIME, statistic), 0)
    window.add(Reading(value=None, reason="no such counter"), 0)
    window.add(Reading(value=math.nan), 0)
    window.add(Reading(value=None, reason="the counter went back"), 0)
    assert judged(window, 0).reason == "0 of 1 samples; the counter went back"
    assert judged(window, MINUTE).reason == "0 of 1 samples"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_sample(value: float) -> None:
    for statistic in (Statistic.P95, Statistic.MAX, Statistic.MEAN):
        window = _filled(make_limit(Metric.CPU_TIME, statistic), value, 0.1)
        window.add(Reading(value=0.0, fraction=(1.0, value)), 0)
        assert (judged(window, 0).state, judged(window, 0).samples) == (State.MET, 1)
    latest = _filled(make_limit(Metric.MEMORY_RSS, Statistic.EACH), 1.0, value)
    assert judged(latest, 0).state is State.NO_DATA


def test_a_contended_sample_makes_the_verdict_contended_until_it_leaves() -> None:
    window = LimitWindow(make_limit(Metric.MEMORY_PEAK, Statistic.MAX, 1e6, 2e6), 0)
    window.add(Reading(value=5e5, contended=True, reason="another thread traced too"), 0)
    window.add(Reading(value=3e5), 0)
    window.add(Reading(value=4e5), 30 * SECOND)
    before, after = judged(window, 59 * SECOND), judged(window, MINUTE)
    assert (before.contended, before.reason) == (True, "another thread traced too")
    assert (after.contended, after.reason, after.value) == (False, "", 4e5)


def test_means_of_ten_thousand_values_lose_nothing_to_rounding() -> None:
    """A running float sum would keep a trace of the large value after it left."""
    window = LimitWindow(make_limit(Metric.MEMORY_GROWTH, Statistic.MEAN, 1.0, 2.0), 0)
    window.add(Reading(value=1e22), 0)
    for second in range(1, 60):
        window.add(Reading(value=0.1), second * SECOND, count=170)
    verdict = judged(window, MINUTE)
    assert (verdict.samples, verdict.value) == (59 * 170, 0.1)


def test_a_half_filled_window_does_not_prove_that_there_was_too_little() -> None:
    window = LimitWindow(make_limit(Metric.THROUGHPUT, Statistic.RATE, 50.0, 20.0), 0)
    window.add_fraction(10, 10, 0)
    verdict = judged(window, 59 * SECOND)
    assert verdict.state is State.NO_DATA
    assert verdict.reason == "not yet watched for a whole window of 1 min"


def test_where_no_time_passed_there_is_nothing_to_divide_by() -> None:
    window = LimitWindow(make_limit(Metric.CPU_UTILIZATION, Statistic.MEAN), 0)
    window.add(Reading(value=0.0, fraction=(0.0, 0.0)), 0)
    verdict = judged(window, 0)
    assert (verdict.state, verdict.reason) == (State.NO_DATA, "nothing to divide by")


def test_readings_with_hits_and_tries_pool_with_counts_of_them() -> None:
    window = LimitWindow(make_limit(Metric.HIT_RATIO, Statistic.RATIO, 0.9, 0.8), 0)
    window.add(Reading(value=0.5, fraction=(5, 10)), 0, count=2)
    window.add_fraction(80, 80, 0)
    verdict = judged(window, 0)
    assert (verdict.samples, verdict.value, verdict.state) == (100, 0.9, State.MET)


def test_each_value_is_judged_by_the_latest_one_however_old() -> None:
    window = LimitWindow(make_limit(Metric.MEMORY_RSS, Statistic.EACH, 1e6, 2e6), 0)
    assert judged(window, 0).reason == "not measured at this place"
    window.add(Reading(value=3e6), 0)
    assert (judged(window, 0).value, window.state(0)) == (3e6, State.VIOLATED)
    window.add(Reading(value=1.5e6, contended=True, reason="shared"), SECOND)
    verdict = judged(window, 10 * MINUTE)
    assert (verdict.state, verdict.value, verdict.samples) == (State.DEGRADED, 1.5e6, 1)
    assert (verdict.contended, verdict.reason) == (True, "shared")
    window.add(Reading(value=None, reason="access denied"), SECOND)
    gone = judged(window, SECOND)
    assert (gone.state, gone.samples, gone.reason) == (State.NO_DATA, 0, "access denied")
