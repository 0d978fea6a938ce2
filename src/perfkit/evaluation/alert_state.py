"""Say once that a limit broke, and once that it holds again."""

from __future__ import annotations

from attrs import frozen

from perfkit.model import Severity, State, Verdict

_BROKEN = (State.DEGRADED, State.VIOLATED)


@frozen(kw_only=True)
class Transition:
    """A limit that broke, got worse, or holds again.

    Args:
        verdict: The judgement that is news.
        since_ns: When the state that began, or that is over, began.
        severity: How much that state matters, or mattered at its start.
        is_recovery: Whether it is over.
        over: Of a recovery, the verdict that began what is over; else None.
    """

    verdict: Verdict
    since_ns: int
    severity: Severity
    is_recovery: bool = False
    over: Verdict | None = None


class AlertState:
    """Turns the verdicts on one limit into changes. Not safe from several threads.

    Nothing is known at first. What gets worse has begun; what gets better is over, and where it
    only got better, from violated to degraded, the lesser state has begun with it, unsaid. Without
    data nothing changes: what is broken stays broken.
    """

    def __init__(self) -> None:
        self._begun: Transition | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the limit is broken, as far as is known."""
        return self._begun is not None

    @property
    def since_ns(self) -> int:
        """When the present broken state began; 0 where nothing is broken."""
        return self._begun.since_ns if self._begun else 0

    def is_at(self, state: State) -> bool:
        """Tell whether a verdict of `state` would be no news."""
        if state is State.NO_DATA:
            return True
        present = self._begun.verdict.state if self._begun else State.MET
        return state is present

    def update(self, verdict: Verdict, at_ns: int) -> Transition | None:
        """Take the next verdict; return what is news in it, or None.

        Args:
            verdict: On the same limit each time.
            at_ns: When it was judged, on any clock; `since_ns` is on the same one.
        """
        if self.is_at(verdict.state):
            return None
        before = self._begun
        self._begun = _begin(verdict, at_ns)
        if before is None or verdict.state.rank > before.verdict.state.rank:
            return self._begun
        return Transition(
            verdict=verdict,
            since_ns=before.since_ns,
            severity=before.severity,
            is_recovery=True,
            over=before.verdict,
        )


def _begin(verdict: Verdict, at_ns: int) -> Transition | None:
    severity = verdict.severity
    if verdict.state not in _BROKEN or severity is None:
        return None
    return Transition(verdict=verdict, since_ns=at_ns, severity=severity)
