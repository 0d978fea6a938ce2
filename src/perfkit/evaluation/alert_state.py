"""Report once that a limit is violated, and once that it has recovered."""

from __future__ import annotations

from attrs import frozen

from perfkit.model import Severity, State, Verdict


@frozen(kw_only=True)
class Transition:
    """A limit that is violated, got worse, or has recovered.

    Args:
        verdict: The verdict that changed the state.
        since_ns: Start of the new state; of a recovery, start of the state that ended.
        severity: The severity of that state at its start.
        is_recovery: Whether that state ended.
        over: Of a recovery, the verdict that began the state that ended; else None.
    """

    verdict: Verdict
    since_ns: int
    severity: Severity
    is_recovery: bool = False
    over: Verdict | None = None


class AlertState:
    """Turns the verdicts on one limit into transitions. Not safe from several threads.

    The initial state is `met`. A worse verdict begins a state, a better one is a recovery. From
    violated to degraded only the recovery is reported, though the degraded state begins with it.
    Verdicts without data change nothing.
    """

    def __init__(self) -> None:
        self._begun: Transition | None = None

    def is_at(self, state: State) -> bool:
        """Return whether a verdict of `state` would not be a transition."""
        present = self._begun.verdict.state if self._begun else State.MET
        return state in {State.NO_DATA, present}

    def update(self, verdict: Verdict, at_ns: int) -> Transition | None:
        """Process the next verdict, judged at `at_ns` on any clock; return a transition or None."""
        if self.is_at(verdict.state):
            return None
        before, severity = self._begun, verdict.severity
        self._begun = None
        if verdict.state is not State.MET and severity is not None:
            self._begun = Transition(verdict=verdict, since_ns=at_ns, severity=severity)
        if before is None or verdict.state.rank > before.verdict.state.rank:
            return self._begun
        # From violated to degraded, the degraded state has begun too, but one report is enough.
        return Transition(
            verdict=verdict,
            since_ns=before.since_ns,
            severity=before.severity,
            is_recovery=True,
            over=before.verdict,
        )
