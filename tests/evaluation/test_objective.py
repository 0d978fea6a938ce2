"""An objective alerts as the Site Reliability Workbook says, exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from perfkit.evaluation.objective import ALERTS, ObjectiveWindow
from perfkit.evaluation.sliding_window import SUB_WINDOWS
from perfkit.model import (
    Budget,
    Direction,
    Metric,
    Objective,
    Severity,
    State,
    Statistic,
    Verdict,
)

_SECOND = 10**9
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_THREE_NINES = Objective(ratio=0.999, min_samples=20)


def _judged(window: ObjectiveWindow, now_ns: int) -> Verdict:
    verdict = window.judge(Budget(name="load"), now_ns)
    assert verdict.state is window.state(now_ns)
    return verdict


def _window(objective: Objective = _THREE_NINES) -> ObjectiveWindow:
    return ObjectiveWindow(objective, 0)


# -- against a model that keeps everything


_WORKBOOK = [
    (State.VIOLATED, Fraction("14.4"), Fraction(3600), Fraction(300)),
    (State.VIOLATED, Fraction(6), Fraction(6 * 3600), Fraction(1800)),
    (State.DEGRADED, Fraction(1), Fraction(3 * 86_400), Fraction(6 * 3600)),
]


@define
class _Naive:
    """Keeps every call with its time."""

    ratio: Fraction
    scale: Fraction
    min_samples: int
    calls: list[tuple[int, int, int]] = field(factory=list)
    latest_ns: int = 0

    def add(self, good: int, bad: int, now_ns: int) -> None:
        self.latest_ns = max(self.latest_ns, now_ns)
        self.calls.append((self.latest_ns, good, bad))

    def over(self, seconds: Fraction, now_ns: int) -> tuple[Fraction | None, int]:
        """Return the burn rate, None for too few calls, and the number of calls."""
        self.latest_ns = max(self.latest_ns, now_ns)
        part_ns = seconds * self.scale * _SECOND / SUB_WINDOWS
        oldest = math.floor(self.latest_ns / part_ns) - SUB_WINDOWS + 1
        live = [(good, bad) for at, good, bad in self.calls if math.floor(at / part_ns) >= oldest]
        count = sum(good + bad for good, bad in live)
        if count < self.min_samples:
            return None, count
        return Fraction(sum(bad for _, bad in live), count) / (1 - self.ratio), count

    def judge(self, now_ns: int) -> tuple[State, int, Fraction | None, int]:
        """Return the state, the number of its alert, and the alert's burn rate and calls."""
        figures = [self.over(long, now_ns) for _, _, long, _ in _WORKBOOK]
        for place, (state, line, _, short) in enumerate(_WORKBOOK):
            rate, count = figures[place]
            if rate is not None and rate > line and (self.over(short, now_ns)[0] or 0) > line:
                return state, place, rate, count
        for place, (rate, count) in enumerate(figures):
            if rate is not None:
                return State.MET, place, rate, count
        return State.NO_DATA, 0, None, figures[-1][1]


_STEPS = st.one_of(
    st.sampled_from([0, _SECOND, 5 * _MINUTE, 30 * _MINUTE, _HOUR, 6 * _HOUR, 3 * _DAY, -_HOUR]),
    st.integers(min_value=0, max_value=2 * _HOUR),
    st.integers(min_value=0, max_value=4 * _DAY),
)
_COUNTS = st.one_of(
    st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
    st.tuples(st.integers(0, 10_000), st.integers(0, 20)),
    st.tuples(st.just(0), st.integers(0, 30)),
    st.tuples(st.integers(0, 30), st.just(0)),
)


@given(
    st.sampled_from(["0.5", "0.9", "0.99", "0.999", "0.9999"]),
    st.sampled_from([1, 20, 100]),
    st.sampled_from([30, 7, 90]),
    st.lists(st.tuples(_STEPS, _COUNTS), min_size=1, max_size=30),
)
def test_alerts_are_those_of_a_model_that_keeps_every_call(
    ratio: str, min_samples: int, days: int, actions: list[tuple[int, tuple[int, int]]]
) -> None:
    objective = Objective(ratio=float(ratio), period=days * 86_400.0, min_samples=min_samples)
    window = ObjectiveWindow(objective, 0)
    naive, now_ns = _Naive(Fraction(ratio), Fraction(days, 30), min_samples), 0
    for step, (good, bad) in actions:
        now_ns = max(now_ns + step, 0)
        window.add(good, bad, now_ns)
        naive.add(good, bad, now_ns)
        verdict = _judged(window, now_ns)
        state, place, rate, count = naive.judge(now_ns)
        assert (verdict.state, verdict.samples) == (state, count)
        assert verdict.limit.threshold == float(_WORKBOOK[place][1])
        assert verdict.limit.window == pytest.approx(_WORKBOOK[place][2] * naive.scale)
        expected = None if rate is None else pytest.approx(float(rate), rel=1e-12, abs=1e-9)
        assert verdict.value == expected


# -- one by one


def test_a_page_is_violated_and_as_severe_as_the_budget() -> None:
    window = _window()
    window.add(50, 50, 0)
    for is_critical, severity in ((False, Severity.WARNING), (True, Severity.CRITICAL)):
        verdict = window.judge(Budget(name="load", critical=is_critical), 0)
        assert (verdict.state, verdict.severity) == (State.VIOLATED, severity)
        limit = verdict.limit
        assert (limit.metric, limit.statistic) == (Metric.BURN_RATE, Statistic.RATIO)
        assert (limit.direction, limit.min_samples) == (Direction.AT_MOST, 20)


def test_a_smoulder_makes_a_ticket_that_warns_even_where_the_budget_is_critical() -> None:
    window = _window()
    for hour in range(72):
        window.add(4992, 8, hour * _HOUR)
    verdict = window.judge(Budget(name="load", critical=True), 3 * _DAY - 1)
    assert (verdict.state, verdict.urgency) == (State.DEGRADED, Severity.WARNING)
    assert (verdict.severity, verdict.value) == (Severity.WARNING, 1.6)
    assert verdict.limit.window == 259_200


@pytest.mark.parametrize("ratio", ["0.94", "0.99", "0.991", "0.999", "0.99995", "0.9999999"])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("times", [1000, 1280, 1536])
def test_a_burn_rate_exactly_at_the_line_is_not_above_it(
    ratio: str, place: int, times: int
) -> None:
    """However the decimals of the ratio are rounded; one more bad call is above it."""
    share = (1 - Fraction(ratio)) * Fraction(str(ALERTS[place].burn_rate))
    bad, count = share.numerator * times, share.denominator * times
    at_the_line, above = (_window(Objective(ratio=float(ratio))) for _ in range(2))
    at_the_line.add(count - bad, bad, 0)
    above.add(count - bad - 1, bad + 1, 0)
    fired = _judged(above, 0)
    assert (fired.limit.threshold, fired.state) == (ALERTS[place].burn_rate, ALERTS[place].state)
    slower = [alert.burn_rate for alert in ALERTS[place + 1 :]]
    other = _judged(at_the_line, 0)
    assert (other.limit.threshold if slower else other.state) == (
        slower[0] if slower else State.MET
    )


def test_a_burn_that_is_over_is_met_and_says_why_the_rate_is_still_high() -> None:
    window = _window(Objective(ratio=0.99, min_samples=20))
    window.add(1_000_000, 0, 0)
    window.add(500, 100, 7 * _HOUR)
    assert window.state(7 * _HOUR) is State.VIOLATED
    window.add(20, 0, 7 * _HOUR + 40 * _MINUTE)
    verdict = _judged(window, 7 * _HOUR + 40 * _MINUTE)
    assert verdict.state is State.MET
    assert verdict.value == pytest.approx(100 / 620 / 0.01)
    assert verdict.reason == "only a burn rate of 0 in the last 5 min"


def test_a_window_below_min_samples_cannot_fire() -> None:
    """The hour holds enough calls and all are bad, but the last five minutes hold one."""
    window = _window(Objective(ratio=0.9, min_samples=20))
    window.add(0, 100, 0)
    assert window.state(0) is State.VIOLATED
    late = 7 * _HOUR
    window.add(0, 19, late)
    verdict = _judged(window, late)
    assert (verdict.state, verdict.limit.window) == (State.MET, 259_200)
    assert verdict.reason == "only 19 of 20 samples in the last 6 h"


def test_too_few_calls_in_every_window_are_no_data() -> None:
    window = _window()
    assert _judged(window, 0).reason == "0 of 20 samples"
    window.add(0, 19, 0)
    verdict = _judged(window, _MINUTE)
    assert (verdict.state, verdict.value, verdict.severity) == (State.NO_DATA, None, None)
    assert (verdict.reason, verdict.samples) == ("19 of 20 samples", 19)
    window.add(1, 0, _MINUTE)
    assert window.state(_MINUTE) is State.VIOLATED


def test_a_ratio_of_almost_one_still_has_a_budget() -> None:
    window = _window(Objective(ratio=math.nextafter(1.0, 0.0), min_samples=1))
    window.add(10**6, 1, 0)
    assert window.state(0) is State.VIOLATED
