"""A limit over a sliding window says what keeping every sample would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.evaluation import SUB_WINDOWS, LimitWindow, state_of
from perfkit.evaluation.sketch import SMALLEST
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


# -- against a model that keeps everything


@frozen
class _Sample:
    number: int
    value: float
    above: Fraction
    below: Fraction
    is_contended: bool = False


@define
class _Naive:
    """Keeps every sample with the number of its sub-window, and looks at all of them each time."""

    limit: Limit
    latest: int = 0
    samples: list[_Sample] = field(factory=list)

    def at(self, now_ns: int) -> int:
        length_ns = round(self.limit.window * 1e9)
        self.latest = max(self.latest, math.floor(Fraction(now_ns - _BEGAN, length_ns) * 60))
        return self.latest

    def live(self, now_ns: int) -> list[_Sample]:
        oldest = self.at(now_ns) - SUB_WINDOWS + 1
        return [sample for sample in self.samples if sample.number >= oldest]

    def figure(self, samples: Sequence[_Sample]) -> float:
        """The exact figure, rounded once to a float."""
        if self.limit.statistic in _PERCENTS:
            rank = -(-_PERCENTS[self.limit.statistic] * len(samples) // 100)
            return sorted(sample.value for sample in samples)[rank - 1]
        above = sum((sample.above for sample in samples), Fraction(0))
        below = sum((sample.below for sample in samples), Fraction(0))
        if self.limit.statistic is Statistic.RATE:
            below = Fraction(self.limit.window)
        return float(above / below)


_VALUES = st.one_of(
    st.sampled_from([0.1, 0.3, math.nextafter(0.1, 1), math.nextafter(0.3, 1), 0.05, 0.2, 1.0]),
    st.floats(min_value=1e-9, max_value=1e6),
    st.floats(min_value=-1e6, max_value=-1e-9),
)
_READINGS = st.builds(
    Reading,
    value=_VALUES,
    fraction=st.none(),
    contended=st.sampled_from([False, False, False, True]),
)
_BATCHES = st.lists(
    st.one_of(
        st.integers(min_value=1, max_value=2 * _SECOND),
        st.sampled_from([100_000_000, 100_000_001, 300_000_000, 300_000_001]),
    ),
    max_size=30,
).map(sorted)
_STEPS = st.one_of(
    st.just(0),
    st.integers(min_value=-2 * _SECOND, max_value=2 * _SECOND),
    st.integers(min_value=0, max_value=70 * _SECOND),
    st.sampled_from([_SECOND, 59 * _SECOND, 60 * _SECOND, 3 * _MINUTE, 10**6 * _MINUTE]),
)
_ACTIONS = st.lists(
    st.tuples(_STEPS, st.one_of(_READINGS, _BATCHES), st.integers(min_value=1, max_value=4)),
    min_size=1,
    max_size=25,
)
_LINES = st.sampled_from(
    [(0.1, 0.3), (0.3, 0.1), (0.1, 0.1), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.3, 0.3)]
)


def _add_to_both(
    window: LimitWindow, naive: _Naive, given_: Reading | list[int], count: int, now_ns: int
) -> None:
    number = naive.at(now_ns)
    if isinstance(given_, list):
        window.add_ordered_ns(given_, now_ns)
        naive.samples += [
            _Sample(number, each / 1e9, Fraction(each, 10**9), Fraction(1)) for each in given_
        ]
        return
    window.add(given_, now_ns, count)
    assert given_.value is not None
    above, below = map(Fraction, given_.fraction or (given_.value, 1))
    sample = _Sample(number, given_.value, above, below, given_.contended)
    naive.samples += [sample] * count


def _check(window: LimitWindow, naive: _Naive, now_ns: int) -> None:
    verdict, live = _judged(window, now_ns), naive.live(now_ns)
    assert verdict.samples == len(live)
    if len(live) < window.limit.min_samples:
        assert (verdict.state, verdict.value) == (State.NO_DATA, None)
        assert verdict.reason == f"{len(live)} of {window.limit.min_samples} samples"
        return
    exact = naive.figure(live)
    assert verdict.state is state_of(window.limit, exact)
    assert verdict.contended is any(sample.is_contended for sample in live)
    assert verdict.value is not None
    assert state_of(window.limit, verdict.value) is verdict.state
    if window.limit.statistic in _PERCENTS:
        values = [sample.value for sample in live]
        assert min(values) <= verdict.value <= max(values)
    if window.limit.statistic in _PERCENTS and window.limit.statistic is not Statistic.MAX:
        allowed = 0.01 * (1 + 1e-9) * abs(exact) if abs(exact) >= SMALLEST else SMALLEST
        assert abs(verdict.value - exact) <= allowed
    else:
        assert verdict.value == exact


@settings(deadline=None)
@given(
    st.sampled_from([*_PERCENTS, Statistic.MEAN]),
    _LINES,
    st.sampled_from([1, 3, 20]),
    st.sampled_from([60.0, 1.0, 7.0, 0.1, 86_400.0]),
    _ACTIONS,
)
def test_durations_are_judged_as_if_every_one_were_kept(
    statistic: Statistic,
    lines: tuple[float, float],
    min_samples: int,
    length: float,
    actions: list[tuple[int, Any, int]],
) -> None:
    """The state is that of the exact figure; the value is exact, or a percentile within 1 %."""
    limit = _limit(Metric.DURATION, statistic, *lines, min_samples=min_samples, window=length)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    for step, given_, count in actions:
        now_ns += round(step * length / 60)
        _add_to_both(window, naive, given_, count, now_ns)
        _check(window, naive, now_ns)
    for step in (_SECOND, 30 * _SECOND, 29 * _SECOND, _SECOND):
        now_ns += round(step * length / 60)
        _check(window, naive, now_ns)


_FRACTIONS = st.tuples(
    st.floats(min_value=-1e6, max_value=1e9), st.floats(min_value=1e-6, max_value=1e6)
).map(lambda pair: Reading(value=pair[0] / pair[1], fraction=pair))


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            (Metric.DISK_WRITE_RATE, Statistic.RATE),
            (Metric.DISK_WRITE_RATE, Statistic.MEAN),
            (Metric.DISK_WRITE_RATE, Statistic.P90),
            (Metric.DISK_READ_RATE, Statistic.MAX),
            (Metric.CPU_UTILIZATION, Statistic.MEAN),
            (Metric.CPU_UTILIZATION, Statistic.RATIO),
            (Metric.MEMORY_GROWTH, Statistic.MEAN),
        ]
    ),
    st.sampled_from([(1.0, 1e6), (0.5, 0.9)]),
    st.lists(
        st.tuples(_STEPS, st.one_of(_FRACTIONS, _READINGS), st.integers(1, 3)),
        min_size=1,
        max_size=20,
    ),
)
def test_what_has_a_fraction_is_pooled_as_if_every_one_were_kept(
    what: tuple[Metric, Statistic],
    lines: tuple[float, float],
    actions: list[tuple[int, Reading, int]],
) -> None:
    limit = _limit(*what, *lines)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    for step, reading, count in actions:
        now_ns += step
        _add_to_both(window, naive, reading, count, now_ns)
        _check(window, naive, now_ns)
        _check(window, naive, now_ns + 500_000_000)


@settings(deadline=None)
@given(
    st.sampled_from([(Metric.HIT_RATIO, 0.95, 0.85), (Metric.ERROR_RATIO, 0.01, 0.05)]),
    st.lists(
        st.tuples(
            _STEPS,
            st.integers(min_value=0, max_value=1000),
            st.integers(min_value=0, max_value=1000),
        ),
        min_size=1,
    ),
)
def test_tries_are_pooled_and_counted_exactly(
    what: tuple[Metric, float, float], actions: list[tuple[int, int, int]]
) -> None:
    metric, target, threshold = what
    limit = _limit(metric, Statistic.RATIO, target, threshold, min_samples=50)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    kept: list[tuple[int, int, int]] = []
    for step, some, others in actions:
        now_ns += step
        window.add_fraction(some, some + others, now_ns)
        kept.append((naive.at(now_ns), some, some + others))
        live = [each for each in kept if each[0] > naive.latest - SUB_WINDOWS]
        some_of_all, tries = sum(each[1] for each in live), sum(each[2] for each in live)
        verdict = _judged(window, now_ns)
        assert verdict.samples == tries
        assert verdict.value == (some_of_all / tries if tries >= 50 else None)


@settings(deadline=None)
@given(st.lists(st.tuples(_STEPS, st.integers(min_value=0, max_value=10_000)), min_size=1))
def test_throughput_is_the_number_of_calls_by_the_length_of_the_window(
    actions: list[tuple[int, int]],
) -> None:
    limit = _limit(Metric.THROUGHPUT, Statistic.RATE, 50.0, 20.0)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    kept: list[tuple[int, int]] = []
    for step, calls in actions:
        now_ns += step
        window.add_fraction(calls, 0, now_ns)
        kept.append((naive.at(now_ns), calls))
        live = sum(calls for number, calls in kept if number > naive.latest - SUB_WINDOWS)
        is_known = naive.latest >= SUB_WINDOWS and live > 0
        verdict = _judged(window, now_ns)
        assert verdict.value == (live / 60 if is_known else None)


# -- one by one


def _filled(limit: Limit, *values: float, began_ns: int = 0) -> LimitWindow:
    window = LimitWindow(limit, began_ns)
    for value in values:
        window.add(Reading(value=value), began_ns)
    return window


@pytest.mark.parametrize(
    ("slow", "state"),
    [(5, State.MET), (6, State.VIOLATED)],
)
def test_p95_holds_as_long_as_95_of_100_are_within(slow: int, state: State) -> None:
    window = _filled(_limit(), *[0.1] * (100 - slow), *[9.0] * slow)
    assert window.state(0) is state


def test_a_percentile_that_is_at_least_something_looks_from_the_other_end() -> None:
    limit = _limit(Metric.MEMORY_PEAK, Statistic.P50, 10.0, 5.0)
    assert _filled(limit, 1.0, 10.0, 10.0).state(0) is State.MET
    assert _filled(limit, 1.0, 7.0, 10.0).state(0) is State.DEGRADED
    assert _filled(limit, 1.0, 4.0, 10.0, 10.0).state(0) is State.VIOLATED


@pytest.mark.parametrize(
    ("nanoseconds", "state"), [(300_000_000, "degraded"), (300_000_001, "violated")]
)
def test_one_nanosecond_over_the_line_is_over_it(nanoseconds: int, state: str) -> None:
    """Though both values are in the same bucket of the sketch, each is on its own side."""
    window = LimitWindow(_limit(), 0)
    window.add_ordered_ns([nanoseconds] * 20, 0)
    verdict = _judged(window, 0)
    assert verdict.state is State(state)
    assert verdict.value is not None
    assert (verdict.value > 0.3) is (state == "violated")


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


def test_each_of_a_batch_is_judged_by_the_longest() -> None:
    window = LimitWindow(_limit(Metric.DURATION, Statistic.EACH), 0)
    window.add_ordered_ns([1, 200_000_000], 0)
    assert _judged(window, 0).value == 0.2


def test_a_share_is_judged_by_the_latest_one_too() -> None:
    window = LimitWindow(_limit(Metric.HIT_RATIO, Statistic.EACH, 0.9, 0.8), 0)
    window.add_fraction(99, 100, 0)
    window.add_fraction(17, 20, 0)
    verdict = _judged(window, 0)
    assert (verdict.state, verdict.value) == (State.DEGRADED, 0.85)


def test_an_empty_batch_changes_nothing() -> None:
    for statistic in (Statistic.EACH, Statistic.P95, Statistic.MEAN):
        window = LimitWindow(_limit(Metric.DURATION, statistic), 0)
        window.add_ordered_ns([], 0)
        assert _judged(window, 0).state is State.NO_DATA


def test_a_verdict_names_budget_and_limit() -> None:
    budget, limit = Budget(name="load", critical=True), _limit()
    verdict = _filled(limit, 1.0).judge(budget, 0)
    assert verdict.budget is budget
    assert verdict.limit is limit
    assert verdict.severity == "critical"
