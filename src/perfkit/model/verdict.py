"""How a measurement stands against a budget."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen

from perfkit.model.budget import Budget, Limit


class State(StrEnum):
    """The judgement of one limit. `no_data` is never a pass."""

    MET = "met"
    DEGRADED = "degraded"
    VIOLATED = "violated"
    NO_DATA = "no_data"

    @property
    def rank(self) -> int:
        """How bad this state is: met, no_data, degraded, violated, from 0 to 3."""
        return _STATE_RANKS[self]


class Severity(StrEnum):
    """How much a missed promise matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for critical."""
        return _SEVERITY_RANKS[self]


_STATE_RANKS: Final = {State.MET: 0, State.NO_DATA: 1, State.DEGRADED: 2, State.VIOLATED: 3}
_SEVERITY_RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def severity_of(state: State, *, critical: bool) -> Severity | None:
    """Return how much `state` matters; None for `met` and `no_data`."""
    if state is State.DEGRADED:
        return Severity.INFO
    if state is State.VIOLATED:
        return Severity.CRITICAL if critical else Severity.WARNING
    return None


@frozen(kw_only=True)
class Verdict:
    """One limit of a budget, judged.

    Args:
        budget: The promise.
        limit: The limit of it that was judged.
        value: In the base unit of the limit's metric; None where the state is `no_data`.
        state: The judgement.
        contended: Whether the value holds somebody else's cost too.
        reason: Why there is no data, or why the value is doubtful; else empty.
        samples: How many samples the value is made of; 1 for a single call.
        urgency: How much it matters where state and budget do not say it all; else None.
    """

    budget: Budget
    limit: Limit
    value: float | None
    state: State
    contended: bool = False
    reason: str = ""
    samples: int = 1
    urgency: Severity | None = None

    @property
    def severity(self) -> Severity | None:
        """How much it matters; None for `met` and `no_data`."""
        return self.urgency or severity_of(self.state, critical=self.budget.critical)
