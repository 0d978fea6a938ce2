"""Verdicts: the states of a budget's limits for a measurement."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen

from perfkit.model.budget import Budget, Limit


class State(StrEnum):
    """The state of one limit. `no_data` never counts as a pass."""

    MET = "met"
    DEGRADED = "degraded"
    VIOLATED = "violated"
    NO_DATA = "no_data"

    @property
    def rank(self) -> int:
        """How bad this state is: met, no_data, degraded, violated, from 0 to 3."""
        return _STATE_RANKS[self]


class Severity(StrEnum):
    """The importance of a violation."""

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
    """Return the severity of `state`; None for `met` and `no_data`."""
    if state is State.DEGRADED:
        return Severity.INFO
    if state is State.VIOLATED:
        return Severity.CRITICAL if critical else Severity.WARNING
    return None


@frozen(kw_only=True)
class Verdict:
    """One limit of a budget, judged.

    Args:
        limit: The limit of `budget` that was judged.
        value: In the base unit of the limit's metric; None where the state is `no_data`.
        contended: Whether the value includes the cost of other measured code.
        reason: The cause of a missing or doubtful value, else empty.
        samples: Number of samples in the value; 1 for a single call.
        urgency: A severity that replaces that of state and budget; else None.
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
        """The severity; None for `met` and `no_data`."""
        return self.urgency or severity_of(self.state, critical=self.budget.critical)
