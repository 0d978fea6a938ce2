"""How a measurement stands against a budget."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from perfkit.model.budget import Budget, Direction, Limit, Metric, Statistic
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
        samples: How many samples the value is made of; 1 for a single call.
        since_ns: When the window first broke the limit, nanoseconds since the Unix epoch; 0 for a
            single call.
        is_recovery: Whether it says that the limit, broken since `since_ns`, holds again. Then
            `state` is the new state, and `severity` that of what is over.
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
    samples: int = 1
    since_ns: int = 0
    is_recovery: bool = False

    def describe(self) -> str:
        """Return one line for people: which promise, by how much, where.

        Names and figures only, never arguments of the call; control characters are escaped.
        """
        text = "".join(self._sentence())
        return text.encode("unicode_escape").decode("ascii") if _is_unsafe(text) else text

    def _sentence(self) -> Iterator[str]:
        limit, unit = self.limit, self.limit.metric.unit
        is_of_threshold = self.is_recovery or self.state is State.VIOLATED
        line = limit.threshold if is_of_threshold else limit.target
        which = "threshold" if is_of_threshold else "target"
        side = "at most" if limit.direction is Direction.AT_MOST else "at least"
        each = "" if limit.statistic in _UNSAID else f" {limit.statistic}"
        over = f" over {format_quantity(limit.window, Unit.SECONDS)}" if limit.window else ""
        yield "recovered " if self.is_recovery else f"{self.severity} "
        yield f"{self.budget.name}: {limit.metric}{each}{over} "
        yield f"{'is' if self.is_recovery else 'was'} {format_quantity(self.value, unit)}"
        yield f", {which} is {side} {format_quantity(line, unit)}"
        if line and limit.direction is Direction.AT_MOST and not self.is_recovery:
            yield f" ({format_quantity(self.value / line, Unit.COUNT)} x)"
        if self.is_recovery and self.at_ns > self.since_ns:
            yield f", after {format_quantity((self.at_ns - self.since_ns) / 1e9, Unit.SECONDS)}"
        yield f", in {self.where}"
        yield ", contended" if self.contended else ""
        yield f", {self.suppressed} like it held back" if self.suppressed else ""
        if top := self._most_telling():
            yield f", {top}"

    def _most_telling(self) -> str:
        """Return one line of the evidence: of the kind that explains this metric best."""
        order = _OF_MEMORY if self.limit.metric in _MEMORY else _OF_TIME
        found = {each.kind: _told(each) for each in reversed(self.evidence) if each.summary}
        return next((found[kind] for kind in (*order, *found) if kind in found), "")


def _told(evidence: Evidence) -> str:
    if evidence.since_armed is None:
        return evidence.summary
    later = format_quantity(evidence.since_armed, Unit.SECONDS)
    return f"{evidence.summary} (in another call, after {later})"


_MEMORY: Final = frozenset(
    {Metric.MEMORY_PEAK, Metric.MEMORY_NET, Metric.MEMORY_GROWTH, Metric.MEMORY_RSS}
)
_OF_MEMORY: Final = ("memory", "children", "stack", "cpu")
_OF_TIME: Final = ("stack", "children", "cpu", "memory")
_UNSAID: Final = frozenset({Statistic.EACH, Statistic.RATE, Statistic.RATIO})
"""Statistics that the name of the metric says already."""


def _is_unsafe(text: str) -> bool:
    return not text.isprintable()
