"""A limit is news when it breaks, gets worse, or gets better, and not in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.evaluation.alert_state import AlertState, Transition
from perfkit.model import Budget, Severity, State, Statistic, Verdict
from tests.evaluation.limit_windows import make_limit

_LIMIT = make_limit(statistic=Statistic.P95)
_VALUES = {State.MET: 0.05, State.DEGRADED: 0.2, State.VIOLATED: 0.5, State.NO_DATA: None}


def _verdict(state: State, *, critical: bool = False, urgency: Severity | None = None) -> Verdict:
    budget = Budget(name="load", critical=critical, limits=[_LIMIT])
    value = _VALUES[state]
    return Verdict(budget=budget, limit=_LIMIT, value=value, state=state, urgency=urgency)


def test_from_violated_to_degraded_the_violation_is_over_and_the_lesser_state_goes_on() -> None:
    alert = AlertState()
    violated, degraded, met = map(_verdict, (State.VIOLATED, State.DEGRADED, State.MET))
    severities = [Severity.WARNING, Severity.INFO]
    changes = [alert.update(verdict, at) for at, verdict in enumerate((violated, degraded, met))]
    assert changes == [
        Transition(verdict=violated, since_ns=0, severity=severities[0]),
        Transition(
            verdict=degraded, since_ns=0, severity=severities[0], is_recovery=True, over=violated
        ),
        Transition(
            verdict=met, since_ns=1, severity=severities[1], is_recovery=True, over=degraded
        ),
    ]


_VERDICTS = st.builds(
    _verdict,
    st.sampled_from(State),
    critical=st.booleans(),
    urgency=st.sampled_from([None, Severity.WARNING]),
)


@settings(deadline=None)
@given(st.lists(_VERDICTS))
def test_what_gets_worse_is_news_and_what_gets_better_ends_what_began(
    verdicts: list[Verdict],
) -> None:
    """A recovery has the start and the severity of the state that is over. No data is no news."""
    alert, present, begun = AlertState(), State.MET, None
    for at_ns, verdict in enumerate(verdicts):
        expected = None
        if verdict.state not in {present, State.NO_DATA}:
            expected = begin = Transition(
                verdict=verdict, since_ns=at_ns, severity=verdict.severity or Severity.INFO
            )
            if begun is not None and verdict.state.rank < present.rank:
                expected = Transition(
                    verdict=verdict,
                    since_ns=begun.since_ns,
                    severity=begun.severity,
                    is_recovery=True,
                    over=begun.verdict,
                )
            present, begun = verdict.state, begin
        assert alert.is_at(verdict.state) is (expected is None)
        assert alert.update(verdict, at_ns) == expected
        assert alert.is_at(present)
