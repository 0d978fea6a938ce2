"""A limit is news when it breaks, gets worse, or gets better, and not in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.evaluation import AlertState, Transition
from perfkit.model import (
    Budget,
    Direction,
    Limit,
    Metric,
    Severity,
    State,
    Statistic,
    Verdict,
)

_LIMIT = Limit(
    metric=Metric.DURATION,
    target=0.1,
    threshold=0.3,
    direction=Direction.AT_MOST,
    statistic=Statistic.P95,
    window=60.0,
)
_VALUES = {State.MET: 0.05, State.DEGRADED: 0.2, State.VIOLATED: 0.5, State.NO_DATA: None}
_MET, _DEGRADED, _VIOLATED, _NO_DATA = (
    State.MET,
    State.DEGRADED,
    State.VIOLATED,
    State.NO_DATA,
)
_BROKEN = (_DEGRADED, _VIOLATED)


def _verdict(state: State, *, critical: bool = False, **parts: Any) -> Verdict:
    budget = Budget(name="load", critical=critical, limits=[_LIMIT])
    return Verdict(budget=budget, limit=_LIMIT, value=_VALUES[state], state=state, **parts)


def _steps(trigger: AlertState, *states: State) -> list[Transition | None]:
    """Step through the states, at times 10, 20, 30 and so on."""
    return [
        trigger.update(_verdict(state), 10 * place) for place, state in enumerate(states, start=1)
    ]


@pytest.mark.parametrize("before", [None, _MET, _NO_DATA])
@pytest.mark.parametrize("state", _BROKEN)
def test_what_breaks_is_news_with_its_own_severity(before: State | None, state: State) -> None:
    trigger, verdict = AlertState(), _verdict(state)
    if before is not None:
        assert trigger.update(_verdict(before), 3) is None
    change = trigger.update(verdict, 7)
    assert change == Transition(
        verdict=verdict,
        since_ns=7,
        severity=Severity.INFO if state is _DEGRADED else Severity.WARNING,
    )
    assert trigger.is_at(state)


def test_a_broken_limit_is_news_once() -> None:
    trigger = AlertState()
    assert _steps(trigger, _VIOLATED, _VIOLATED, _VIOLATED)[1:] == [None, None]
    recovery = trigger.update(_verdict(_MET), 40)
    assert recovery is not None
    assert recovery.since_ns == 10


def test_a_met_limit_is_no_news() -> None:
    trigger = AlertState()
    assert _steps(trigger, _MET, _NO_DATA, _MET) == [None, None, None]
    assert trigger.is_at(_MET)


def test_what_gets_worse_is_news_again() -> None:
    trigger = AlertState()
    _, change = _steps(trigger, _DEGRADED, _VIOLATED)
    assert change is not None
    assert (change.is_recovery, change.since_ns, change.severity) == (False, 20, Severity.WARNING)


@pytest.mark.parametrize(
    ("state", "severity"), [(_DEGRADED, Severity.INFO), (_VIOLATED, Severity.WARNING)]
)
def test_a_recovery_says_what_is_over_and_since_when_it_was(
    state: State, severity: Severity
) -> None:
    trigger = AlertState()
    *_, change = _steps(trigger, _MET, state, state, _MET)
    assert change is not None
    assert change.verdict.state is _MET
    assert (change.is_recovery, change.since_ns, change.severity) == (True, 20, severity)
    assert trigger.is_at(_MET)


def test_from_violated_to_degraded_the_violation_is_over_and_the_lesser_state_goes_on() -> None:
    trigger = AlertState()
    _, better, good = _steps(trigger, _VIOLATED, _DEGRADED, _MET)
    assert better is not None
    assert better.verdict.state is _DEGRADED
    assert (better.is_recovery, better.since_ns, better.severity) == (True, 10, Severity.WARNING)
    assert good is not None
    assert (good.is_recovery, good.since_ns, good.severity) == (True, 20, Severity.INFO)


@pytest.mark.parametrize("state", _BROKEN)
def test_without_data_what_is_broken_stays_broken(state: State) -> None:
    trigger = AlertState()
    assert _steps(trigger, state, _NO_DATA, state)[1:] == [None, None]
    recovery = _steps(trigger, _NO_DATA, _MET)[1]
    assert recovery is not None
    assert recovery.since_ns == 10


def test_a_limit_can_break_again() -> None:
    trigger = AlertState()
    changes = _steps(trigger, _VIOLATED, _MET, _VIOLATED, _MET)
    assert [change.since_ns for change in changes if change] == [10, 10, 30, 30]
    assert [change.is_recovery for change in changes if change] == [False, True, False, True]


def test_the_severity_is_that_of_the_verdict_that_broke_it() -> None:
    trigger = AlertState()
    start = trigger.update(_verdict(_DEGRADED, urgency=Severity.WARNING), 1)
    end = trigger.update(_verdict(_MET), 2)
    assert start is not None
    assert end is not None
    assert (start.severity, end.severity) == (Severity.WARNING, Severity.WARNING)
    critical = trigger.update(_verdict(_VIOLATED, critical=True), 3)
    assert critical is not None
    assert critical.severity is Severity.CRITICAL


@given(st.lists(st.sampled_from(list(State))))
def test_starts_and_recoveries_add_up_to_the_latest_known_state(states: list[State]) -> None:
    """Whoever only hears the changes knows the state; every start is closed by one recovery."""
    trigger, heard = AlertState(), _MET
    for at_ns, state in enumerate(states, start=1):
        is_news = not trigger.is_at(state)
        change = trigger.update(_verdict(state), at_ns)
        assert (change is not None) is is_news
        if change is not None:
            assert change.verdict.state is not heard
            assert change.is_recovery is (change.verdict.state.rank < heard.rank)
            assert change.since_ns == at_ns or change.is_recovery
            heard = change.verdict.state
        known = [each for each in states[:at_ns] if each is not _NO_DATA]
        assert heard is (known[-1] if known else _MET)
        assert trigger.is_at(heard)
