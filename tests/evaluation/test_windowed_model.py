"""A limit over a sliding window is judged as by a model that keeps every sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from perfkit.evaluation.per_call import state_of
from perfkit.evaluation.sketch import SMALLEST
from perfkit.evaluation.sliding_window import SUB_WINDOWS
from perfkit.evaluation.windowed import LimitWindow
from perfkit.model import Limit, Metric, Reading, State, Statistic
from tests.evaluation.limit_windows import MINUTE, SECOND, judged, make_limit

_BEGAN = 17 * SECOND + 3
_PERCENTS = {
    Statistic.P50: 50,
    Statistic.P90: 90,
    Statistic.P95: 95,
    Statistic.P99: 99,
    Statistic.MAX: 100,
}


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
        st.integers(min_value=1, max_value=2 * SECOND),
        st.sampled_from([100_000_000, 100_000_001, 300_000_000, 300_000_001]),
    ),
    max_size=30,
).map(sorted)
_STEPS = st.one_of(
    st.just(0),
    st.integers(min_value=-2 * SECOND, max_value=2 * SECOND),
    st.integers(min_value=0, max_value=70 * SECOND),
    st.sampled_from([SECOND, 59 * SECOND, 60 * SECOND, 3 * MINUTE, 10**6 * MINUTE]),
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
    verdict, live = judged(window, now_ns), naive.live(now_ns)
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
    limit = make_limit(Metric.DURATION, statistic, *lines, min_samples=min_samples, window=length)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    for step, given_, count in actions:
        now_ns += round(step * length / 60)
        _add_to_both(window, naive, given_, count, now_ns)
        _check(window, naive, now_ns)
    for step in (SECOND, 30 * SECOND, 29 * SECOND, SECOND):
        now_ns += round(step * length / 60)
        _check(window, naive, now_ns)


_FRACTIONS = st.tuples(
    st.floats(min_value=-1e6, max_value=1e9), st.floats(min_value=1e-6, max_value=1e6)
).map(lambda pair: Reading(value=pair[0] / pair[1], fraction=pair))


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
    limit = make_limit(*what, *lines)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    for step, reading, count in actions:
        now_ns += step
        _add_to_both(window, naive, reading, count, now_ns)
        _check(window, naive, now_ns)
        _check(window, naive, now_ns + 500_000_000)


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
    limit = make_limit(metric, Statistic.RATIO, target, threshold, min_samples=50)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    kept: list[tuple[int, int, int]] = []
    for step, some, others in actions:
        now_ns += step
        window.add_fraction(some, some + others, now_ns)
        kept.append((naive.at(now_ns), some, some + others))
        live = [each for each in kept if each[0] > naive.latest - SUB_WINDOWS]
        some_of_all, tries = sum(each[1] for each in live), sum(each[2] for each in live)
        verdict = judged(window, now_ns)
        assert verdict.samples == tries
        assert verdict.value == (some_of_all / tries if tries >= 50 else None)


@given(st.lists(st.tuples(_STEPS, st.integers(min_value=0, max_value=10_000)), min_size=1))
def test_throughput_is_the_number_of_calls_by_the_length_of_the_window(
    actions: list[tuple[int, int]],
) -> None:
    limit = make_limit(Metric.THROUGHPUT, Statistic.RATE, 50.0, 20.0)
    window, naive, now_ns = LimitWindow(limit, _BEGAN), _Naive(limit), _BEGAN
    kept: list[tuple[int, int]] = []
    for step, calls in actions:
        now_ns += step
        window.add_fraction(calls, calls, now_ns)
        kept.append((naive.at(now_ns), calls))
        live = sum(calls for number, calls in kept if number > naive.latest - SUB_WINDOWS)
        is_known = naive.latest >= SUB_WINDOWS and live > 0
        verdict = judged(window, now_ns)
        assert verdict.value == (live / 60 if is_known else None)
