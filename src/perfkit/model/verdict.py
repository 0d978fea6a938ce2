"""How a measurement stands against a budget."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import field, frozen

from perfkit.model.budget import Budget, Direction, Limit, Statistic
from perfkit.model.measurement import Evidence, Outcome, Where
from perfkit.units import Unit, format_quantity


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
    """

    budget: Budget
    limit: Limit
    value: float | None
    state: State
    contended: bool = False
    reason: str = ""

    @property
    def severity(self) -> Severity | None:
        """How much it matters; None for `met` and `no_data`."""
        return severity_of(self.state, critical=self.budget.critical)


@frozen(kw_only=True)
class Violation:
    """A verdict that someone must hear of.

    Args:
        budget: The promise that was missed.
        limit: The limit of it.
        value: What was measured, in the base unit of the limit's metric.
        state: `degraded` or `violated`.
        severity: How much it matters.
        where: The measured place.
        at_ns: When the call ended, nanoseconds since the Unix epoch.
        outcome: How the call ended.
        trace_id: 32 hexadecimal digits; empty where no span was current.
        span_id: 16 hexadecimal digits; empty where no span was current.
        trace_flags: The span's W3C trace flags; bit 0 is set where it was sampled.
        contended: Whether the value holds somebody else's cost too.
        evidence: What explains the value.
        suppressed: How many like it were held back before it.
    """

    budget: Budget
    limit: Limit
    value: float
    state: State
    severity: Severity
    where: Where
    at_ns: int
    outcome: Outcome = Outcome.OK
    trace_id: str = ""
    span_id: str = ""
    trace_flags: int = 0
    contended: bool = False
    evidence: tuple[Evidence, ...] = field(default=())
    suppressed: int = 0

    def describe(self) -> str:
        """Return one line for people: which promise, by how much, where.

        Names and figures only, never arguments of the call; control characters are escaped.
        """
        limit, unit = self.limit, self.limit.metric.unit
        line = limit.threshold if self.state is State.VIOLATED else limit.target
        side = "at most" if limit.direction is Direction.AT_MOST else "at least"
        which = "threshold" if self.state is State.VIOLATED else "target"
        each = "" if limit.statistic is Statistic.EACH else f" {limit.statistic}"
        text = (
            f"{self.severity} {self.budget.name}: {limit.metric}{each} was "
            f"{format_quantity(self.value, unit)}, {which} is {side} {format_quantity(line, unit)}"
        )
        if line and limit.direction is Direction.AT_MOST:
            text += f" ({format_quantity(self.value / line, Unit.COUNT)} x)"
        text += f", in {self.where}"
        if self.contended:
            text += ", contended"
        if self.suppressed:
            text += f", {self.suppressed} like it held back"
        if self.evidence:
            text += f", {self.evidence[0].summary}" if self.evidence[0].summary else ""
        return text.encode("unicode_escape").decode("ascii") if _is_unsafe(text) else text


def _is_unsafe(text: str) -> bool:
    return not text.isprintable()
