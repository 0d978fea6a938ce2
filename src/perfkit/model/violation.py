"""Violations, the line that describes one for people, and its record for machines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from attrs import field, frozen

from perfkit.model.budget import Budget, Direction, Limit, Metric, Statistic
from perfkit.model.measurement import Evidence, Outcome
from perfkit.model.verdict import Severity, State
from perfkit.units import Unit, format_quantity


@frozen(kw_only=True)
class CodeLocation:
    """The place in the code that was measured.

    Args:
        function: Fully qualified name, such as ``"app.sessions.load"``.
        file: Path of the source file; empty where there is none.
        line: Line number in it, from 1; 0 where there is none.
    """

    function: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})" if self.file else self.function


@frozen(kw_only=True)
class Violation:
    """A verdict to report: a limit was missed, or has recovered.

    Args:
        limit: The limit of `budget` that was missed.
        value: The measured value, in the base unit of the limit's metric.
        state: `degraded` or `violated`.
        where: The measured place.
        at_ns: When the call ended, nanoseconds since the Unix epoch.
        outcome: How the call ended.
        trace_id: 32 hexadecimal digits; empty where no span was current.
        span_id: 16 hexadecimal digits; empty where no span was current.
        trace_flags: The span's W3C trace flags; bit 0 is set where it was sampled.
        contended: Whether the value includes the cost of other measured code.
        evidence: Explanations of the value.
        suppressed: Number of violations of the same kind that were suppressed before it.
        suppressed_since_ns: Time of the first of those, nanoseconds since the epoch; 0 for none.
        samples: Number of samples in the value; 1 for a single call.
        since_ns: Start of a window's violation, nanoseconds since the Unix epoch; 0 for a single
            call.
        is_recovery: Whether the limit, violated since `since_ns`, has recovered. Then `state` is
            the new state, and `severity` that of the state that ended.
        environment: Where the application runs, such as ``"production"``, or empty.
        is_test: Whether it is a sample, made to test a sink.
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
        """Budget, metric and statistic: violations that share them are of the same kind."""
        return (self.budget.name, self.limit.metric, self.limit.statistic)

    def describe(self) -> str:
        """Return one line for people: the budget, the excess, the place, the count and the cause.

        It has names and numbers only, never arguments of the call. Control characters are escaped,
        and the middle of very long names is left out.
        """
        # Budget names and paths may come from outside: escape sequences in them could rewrite the
        # terminal that shows the log, and line ends could forge log lines.
        text = "".join(_sentence(self))
        return text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text


def as_record(violation: Violation) -> dict[str, Any]:
    """Return `violation` as plain data.

    Values are in base units, named by ``unit``; ``time`` is ISO 8601 in UTC. A key is always
    present; an unknown value is an empty string.
    """
    limit = violation.limit
    return {
        "time": _iso(violation.at_ns),
        "severity": str(violation.severity),
        "state": str(violation.state),
        "budget": violation.budget.name,
        "category": violation.budget.category,
        "critical": violation.budget.critical,
        "metric": str(limit.metric),
        "statistic": str(limit.statistic),
        "value": violation.value,
        "unit": str(limit.metric.unit),
        "target": limit.target,
        "threshold": limit.threshold,
        "direction": str(limit.direction),
        "function": violation.where.function,
        "file": violation.where.file,
        "line": violation.where.line,
        "outcome": str(violation.outcome),
        "environment": violation.environment,
        "test": violation.is_test,
        "trace_id": violation.trace_id,
        "span_id": violation.span_id,
        "contended": violation.contended,
        "suppressed": violation.suppressed,
        "suppressed_since": _iso_or_empty(violation.suppressed_since_ns),
        "samples": violation.samples,
        "recovery": violation.is_recovery,
        "since": _iso_or_empty(violation.since_ns),
        "evidence": [_plain(item) for item in violation.evidence],
    }


def _sentence(violation: Violation) -> Iterator[str]:
    limit = violation.limit
    yield "TEST, nothing is wrong: " if violation.is_test else ""
    yield "recovered " if violation.is_recovery else f"{violation.severity} "
    each = "" if limit.statistic in _IMPLIED else f" {limit.statistic}"
    over = f" over {_time(limit.window)}" if limit.window else ""
    yield f"{_short(violation.budget.name)}: {limit.metric}{each}{over} "
    yield from _value_and_bound(violation)
    if violation.is_recovery and violation.at_ns > violation.since_ns:
        yield f", after {_time((violation.at_ns - violation.since_ns) / 1e9)}"
    yield f", in {_short(str(violation.where))}"
    yield ", contended" if violation.contended else ""
    yield from _counts(violation)
    if top := _main_evidence(violation):
        yield f", {_short(top)}"


def _value_and_bound(violation: Violation) -> Iterator[str]:
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


def _counts(violation: Violation) -> Iterator[str]:
    if violation.samples > 1:
        yield f", of {violation.samples:,} samples"
    if not violation.suppressed:
        return
    within = (violation.at_ns - violation.suppressed_since_ns) / 1e9
    if violation.suppressed_since_ns and within > 0:
        # A violation is one more occurrence, a recovery is not.
        times = violation.suppressed + (not violation.is_recovery)
        yield f", {times:,} times in {_time(within)}"
        yield f" ({violation.suppressed:,} of them suppressed)"
    else:
        yield f", {violation.suppressed:,} like it suppressed"


def _main_evidence(violation: Violation) -> str:
    """Return one line of evidence, of the kind that explains this metric best."""
    order = _OF_MEMORY if violation.limit.metric in _MEMORY else _OF_TIME
    # Reversed, so that of several pieces of one kind the first remains in the mapping.
    found = {each.kind: _told(each) for each in reversed(violation.evidence) if each.summary}
    return next((found[kind] for kind in (*order, *found) if kind in found), "")


def _told(evidence: Evidence) -> str:
    if evidence.since_armed is None:
        return evidence.summary
    return f"{evidence.summary} (in another call, after {_time(evidence.since_armed)})"


def _time(seconds: float) -> str:
    return format_quantity(seconds, Unit.SECONDS)


# Not by `perfkit.text`, so that a violation goes through one module less.
def _short(text: str) -> str:
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
_IMPLIED: Final = frozenset({Statistic.EACH, Statistic.RATE, Statistic.RATIO})
"""Statistics that the name of the metric implies."""


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()


def _iso_or_empty(nanoseconds: int) -> str:
    return _iso(nanoseconds) if nanoseconds else ""


def _plain(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind,
        "summary": evidence.summary,
        "rows": [dict(row) for row in evidence.rows],
        "note": evidence.note,
        "since_armed": evidence.since_armed,
    }
