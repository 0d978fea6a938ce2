"""A verdict that someone must hear of, and the line in which people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from perfkit.model.budget import Budget, Direction, Limit, Metric, Statistic
from perfkit.model.measurement import CodeLocation, Evidence, Outcome
from perfkit.model.verdict import Severity, State
from perfkit.units import Unit, format_quantity


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
        suppressed_since_ns: When the first of those came, nanoseconds since the Unix epoch; 0 for
            none.
        samples: How many samples the value is made of; 1 for a single call.
        since_ns: When the window first broke the limit, nanoseconds since the Unix epoch; 0 for a
            single call.
        is_recovery: Whether it says that the limit, broken since `since_ns`, holds again. Then
            `state` is the new state, and `severity` that of what is over.
        environment: Where the application runs, such as ``"production"``; empty if nobody said.
        is_test: Whether it was made up, to try a sink out.
    """

    budget: Budget
    limit: Limit
    value: float
    state: State
    severity: Severity
    where: CodeLocation
    at_ns: int
    outcome: Outcome = Outcome.OK
    trace_id: str = ""
    span_id: str = ""
    trace_flags: int = 0
    contended: bool = False
    evidence: tuple[Evidence, ...] = field(default=())
    suppressed: int = 0
    suppressed_since_ns: int = 0
    samples: int = 1
    since_ns: int = 0
    is_recovery: bool = False
    environment: str = ""
    is_test: bool = False

    @property
    def kind(self) -> tuple[str, Metric, Statistic]:
        """What makes it one like another: the budget, the metric and the statistic."""
        return (self.budget.name, self.limit.metric, self.limit.statistic)

    def describe(self) -> str:
        """Return one line for people: which promise, by how much, where, how often, and why.

        Names and figures only, never arguments of the call. Control characters are escaped, and of
        very long names only the beginning and the end are said.
        """
        text = "".join(_sentence(self))
        return text.encode("unicode_escape").decode("ascii") if _is_unsafe(text) else text


def _sentence(violation: Violation) -> Iterator[str]:
    limit = violation.limit
    yield "TEST, nothing is wrong: " if violation.is_test else ""
    yield "recovered " if violation.is_recovery else f"{violation.severity} "
    each = "" if limit.statistic in _UNSAID else f" {limit.statistic}"
    over = f" over {_time(limit.window)}" if limit.window else ""
    yield f"{_short(violation.budget.name)}: {limit.metric}{each}{over} "
    yield from _how_it_stands(violation)
    if violation.is_recovery and violation.at_ns > violation.since_ns:
        yield f", after {_time((violation.at_ns - violation.since_ns) / 1e9)}"
    yield f", in {_short(str(violation.where))}"
    yield ", contended" if violation.contended else ""
    yield from _how_often(violation)
    if top := _most_telling(violation):
        yield f", {_short(top)}"


def _how_it_stands(violation: Violation) -> Iterator[str]:
    """Yield the value and the line that it missed, or keeps again."""
    limit, unit = violation.limit, violation.limit.metric.unit
    is_of_threshold = violation.is_recovery or violation.state is State.VIOLATED
    line = limit.threshold if is_of_threshold else limit.target
    which = "threshold" if is_of_threshold else "target"
    side = "at most" if limit.direction is Direction.AT_MOST else "at least"
    written = f"{side} {format_quantity(line, unit)}"
    if violation.is_recovery and limit.statistic is Statistic.EACH:
        yield f"keeps its threshold of {written} again"
        return
    yield f"{'is' if violation.is_recovery else 'was'} {format_quantity(violation.value, unit)}"
    yield f", {which} is {written}"
    if line and limit.direction is Direction.AT_MOST and not violation.is_recovery:
        yield f" ({format_quantity(violation.value / line, Unit.COUNT)} x)"


def _how_often(violation: Violation) -> Iterator[str]:
    """Yield how many samples and how many violations there were."""
    if violation.samples > 1:
        yield f", of {violation.samples:,} samples"
    if not violation.suppressed:
        return
    within = (violation.at_ns - violation.suppressed_since_ns) / 1e9
    if violation.suppressed_since_ns and within > 0:
        times = violation.suppressed + (not violation.is_recovery)
        yield f", {times:,} times in {_time(within)}"
        yield f" ({violation.suppressed:,} of them held back)"
    else:
        yield f", {violation.suppressed:,} like it held back"


def _most_telling(violation: Violation) -> str:
    """Return one line of the evidence: of the kind that explains this metric best."""
    order = _OF_MEMORY if violation.limit.metric in _MEMORY else _OF_TIME
    found = {each.kind: _told(each) for each in reversed(violation.evidence) if each.summary}
    return next((found[kind] for kind in (*order, *found) if kind in found), "")


def _told(evidence: Evidence) -> str:
    if evidence.since_armed is None:
        return evidence.summary
    return f"{evidence.summary} (in another call, after {_time(evidence.since_armed)})"


def _time(seconds: float) -> str:
    return format_quantity(seconds, Unit.SECONDS)


def _short(text: str) -> str:
    """Return `text`, without its middle if it is very long."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2 - 2
    return f"{text[:half]} ... {text[-half:]}"


_LONGEST: Final = 300
_MEMORY: Final = frozenset(
    {Metric.MEMORY_PEAK, Metric.MEMORY_NET, Metric.MEMORY_GROWTH, Metric.MEMORY_RSS}
)
_OF_MEMORY: Final = ("memory", "children", "stack", "cpu")
_OF_TIME: Final = ("stack", "children", "cpu", "memory")
_UNSAID: Final = frozenset({Statistic.EACH, Statistic.RATE, Statistic.RATIO})
"""Statistics that the name of the metric says already."""


def _is_unsafe(text: str) -> bool:
    return not text.isprintable()
