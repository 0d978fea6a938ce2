"""An objective alerts as the Site Reliability Workbook says, exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.evaluation import SUB_WINDOWS, ObjectiveWindow
from perfkit.evaluation.objective import ALERTS
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
_MONTH_SECONDS = 30 * 86_400.0
_THREE_NINES = Objective(ratio=0.999, min_samples=20)


def _judged(window: ObjectiveWindow, now_ns: int) -> Verdict:
    verdict = window.judge(Budget(name="load"), now_ns)
    assert verdict.state is window.state(now_ns)
    return verdict


def _window(objective: Objective = _THREE_NINES) -> ObjectiveWindow:
    return ObjectiveWindow(objective, 0)


def _run(window: ObjectiveWindow, times_ns: tuple[int, int, int], good: int, bad: int) -> int:
    """Add the same calls from a time, for so long, every so often; return when that ended."""
    began_ns, lasting_ns, every_ns = times_ns
    for now_ns in range(began_ns, began_ns + lasting_ns, every_ns):
        window.add(good, bad, now_ns)
    return began_ns + lasting_ns


# -- against a model that keeps everything


_MODEL_ALERTS = [
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

    def burn_rate(self, seconds: Fraction, now_ns: int) -> Fraction | None:
        self.latest_ns = max(self.latest_ns, now_ns)
        part_ns = seconds * self.scale * _SECOND / SUB_WINDOWS
        oldest = math.floor(self.latest_ns / part_ns) - SUB_WINDOWS + 1
        live = [(good, bad) for at, good, bad in self.calls if math.floor(at / part_ns) >= oldest]
        count = sum(good + bad for good, bad in live)
        if count < self.min_samples:
            return None
        return Fraction(sum(bad for _, bad in live), count) / (1 - self.ratio)

    def state(self, now_ns: int) -> tuple[State, Fraction | None]:
        rates = [self.burn_rate(long, now_ns) for _, _, long, _ in _MODEL_ALERTS]
        for rate, (state, line, _, short) in zip(rates, _MODEL_ALERTS, strict=True):
            if rate is not None and rate > line and (self.burn_rate(short, now_ns) or 0) > line:
                return state, rate
        known = [rate for rate in rates if rate is not None]
        return (State.MET, known[0]) if known else (State.NO_DATA, None)


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


@settings(deadline=None)
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
        state, rate = naive.state(now_ns)
        assert verdict.state is state
        expected = None if rate is None else pytest.approx(float(rate), rel=1e-12, abs=1e-9)
        assert verdict.value == expected


# -- one by one


def test_the_alerts_are_the_workbooks() -> None:
    window = _window()
    assert [alert.burn_rate for alert in ALERTS] == [14.4, 6.0, 1.0]
    lengths = [(long.seconds, short.seconds) for long, short in window._pairs]
    assert lengths == [(3600, 300), (21_600, 1800), (259_200, 21_600)]
    assert len(window._windows) == 5


def test_another_period_scales_the_windows_and_keeps_the_burn_rates() -> None:
    window = _window(Objective(ratio=0.99, period=_MONTH_SECONDS / 30))
    assert [long.seconds for long, _ in window._pairs] == pytest.approx([120, 720, 8640])
    assert window.limit.window == pytest.approx(120)
    assert window.limit.threshold == 14.4


def test_an_outage_pages_within_two_minutes() -> None:
    """Of an hour's 6,000 calls 80 bad ones do not page yet, and 160 do."""
    window = _window()
    now_ns = _run(window, (0, 12 * _HOUR, _MINUTE), 100, 0)
    window.add(0, 80, now_ns)
    assert window.state(now_ns) is not State.VIOLATED
    window.add(0, 80, now_ns + _MINUTE)
    assert window.state(now_ns + _MINUTE) is State.VIOLATED


def test_a_page_is_violated_and_as_severe_as_the_budget() -> None:
    window = _window()
    window.add(50, 50, 0)
    for is_critical, severity in ((False, Severity.WARNING), (True, Severity.CRITICAL)):
        verdict = window.judge(Budget(name="load", critical=is_critical), 0)
        assert (verdict.state, verdict.severity) == (State.VIOLATED, severity)
        assert verdict.value == 500.0
        assert verdict.samples == 100


def test_a_page_names_the_limit_that_it_is_about() -> None:
    window = _window()
    window.add(50, 50, 0)
    limit = _judged(window, 0).limit
    assert (limit.metric, limit.statistic) == (Metric.BURN_RATE, Statistic.RATIO)
    assert (limit.target, limit.threshold, limit.window) == (14.4, 14.4, 3600)
    assert (limit.direction, limit.min_samples) == (Direction.AT_MOST, 20)


def test_a_slower_fire_pages_over_six_hours() -> None:
    """0.8 % of calls are bad: a burn rate of 8, too slow for the first page."""
    window = _window()
    now_ns = _run(window, (0, 6 * _HOUR, 5 * _MINUTE), 992, 8)
    verdict = _judged(window, now_ns - 1)
    assert (verdict.state, verdict.value, verdict.limit.window) == (State.VIOLATED, 8.0, 21_600)


def test_a_smoulder_makes_a_ticket_that_warns_even_where_the_budget_is_critical() -> None:
    window = _window()
    now_ns = _run(window, (0, 3 * _DAY, _HOUR), 4992, 8)
    verdict = window.judge(Budget(name="load", critical=True), now_ns - 1)
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


def test_what_is_over_stops_alerting_as_the_short_window_clears() -> None:
    window = _window()
    now_ns = _run(window, (0, 10 * _MINUTE, _MINUTE), 0, 100)
    assert window.state(now_ns) is State.VIOLATED
    now_ns = _run(window, (now_ns, 6 * _MINUTE, _MINUTE), 100, 0)
    verdict = _judged(window, now_ns)
    assert verdict.state is not State.MET
    assert verdict.limit.window == 21_600
    now_ns = _run(window, (now_ns, 36 * _HOUR, 10 * _MINUTE), 100_000, 0)
    assert window.state(now_ns) is State.MET


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


def test_what_is_good_is_met_on_the_most_urgent_limit_that_is_known() -> None:
    window = _window()
    window.add(100, 0, 0)
    now = _judged(window, 0)
    assert (now.state, now.value, now.limit, now.reason) == (State.MET, 0.0, window.limit, "")
    later = _judged(window, 2 * _HOUR)
    assert (later.state, later.value, later.limit.window) == (State.MET, 0.0, 21_600)


def test_everything_leaves_after_three_days() -> None:
    window = _window()
    window.add(0, 1000, 0)
    assert _judged(window, 3 * _DAY).samples == 0
    assert window.state(3 * _DAY) is State.NO_DATA


def test_a_ratio_of_almost_one_still_has_a_budget() -> None:
    window = _window(Objective(ratio=math.nextafter(1.0, 0.0), min_samples=1))
    window.add(10**6, 1, 0)
    assert window.state(0) is State.VIOLATED
