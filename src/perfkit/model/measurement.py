"""The measured cost of one call, with its place and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from perfkit.model.budget import Metric

if TYPE_CHECKING:
    from perfkit.model.violation import CodeLocation


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


def outcome_of(error: BaseException | None, *, in_items: bool = False) -> Outcome:
    """Return the outcome of a call: `cancelled` for other than an `Exception`, such as Ctrl-C.

    A generator that its consumer closes early has ended well.
    """
    if error is None or (in_items and isinstance(error, GeneratorExit)):
        return Outcome.OK
    return Outcome.ERROR if isinstance(error, Exception) else Outcome.CANCELLED


def error_type_of(error: BaseException) -> str:
    """Return the qualified name of an exception's class."""
    kind = type(error)
    is_builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"


class Scope(StrEnum):
    """The code whose cost a reading is: the call alone, its thread, or the whole process."""

    CALL = "call"
    THREAD = "thread"
    PROCESS = "process"


@frozen(kw_only=True)
class Reading:
    """One measured value, and how far it can be trusted.

    Args:
        value: In the metric's base unit; None without data, never a zero in place of it.
        scope: The code whose cost it is.
        contended: Whether the value includes other measured code that ran at the same time.
        reason: The cause of a missing or doubtful value, else empty.
        fraction: For a ratio or a rate its numerator and denominator, such as hits and tries or
            bytes and seconds, so that several can be pooled into one; else None.
    """

    value: float | None
    scope: Scope = Scope.CALL
    contended: bool = False
    reason: str = ""
    fraction: tuple[float, float] | None = None


@frozen(kw_only=True)
class SpanIds:
    """The span of a call, in the notation of W3C trace context.

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        trace_flags: W3C trace flags; bit 0 is set where the span was sampled.
    """

    trace_id: str
    span_id: str
    trace_flags: int = 0


@frozen(kw_only=True)
class Evidence:
    """An explanation of a cost: rows from a profiler, and a line for people.

    Args:
        kind: Its source: ``"cpu"`` for a call profile, ``"memory"`` for allocations that were
            not freed, ``"stack"`` for samples of the call stack, ``"children"`` for the budgets
            that the call spent its time in.
        summary: One line, the most important row first.
        rows: Each a flat mapping of column to value; at most a few dozen.
        note: Why it is missing or mixed, such as ``"profiler_busy"``; empty if it is sound.
        since_armed: Seconds from the violation until this evidence was gathered in a later call
            of the same budget; None for evidence of the violating call itself.
        detail: The whole data, for files: for ``"cpu"`` in the form of `pstats`, for ``"stack"``
            collapsed stacks with their counts. Not part of records, nor of comparisons.
    """

    kind: str
    summary: str = ""
    rows: tuple[Mapping[str, Any], ...] = ()
    note: str = ""
    since_armed: float | None = None
    # Not compared nor shown: a profile has thousands of entries, and is not hashable.
    detail: Mapping[Any, Any] = field(factory=dict, eq=False, repr=False)


@frozen(kw_only=True)
class Measurement:
    """The readings of one call by metric, with its place, start and outcome.

    Args:
        where: The measured place.
        started_ns: Start of the call, nanoseconds since the Unix epoch.
        readings: The measured values by metric.
        outcome: How the call ended.
        error_type: Qualified name of the exception class where the outcome is not `ok`.
        suspended: Seconds between the steps of a generator, while its consumer ran; else 0.
        slowed_by: Tools that slowed the call down while it was measured (``"tracemalloc"``,
            ``"cProfile"``), so that its duration is longer than without them.
        evidence: Explanations of the readings.
    """

    where: CodeLocation
    started_ns: int
    readings: Mapping[Metric, Reading]
    outcome: Outcome = Outcome.OK
    error_type: str = ""
    suspended: float = 0.0
    slowed_by: frozenset[str] = frozenset()
    evidence: tuple[Evidence, ...] = field(default=())

    def value(self, metric: Metric) -> float | None:
        """Return the value of `metric` in its base unit, or None where there is none."""
        reading = self.readings.get(metric)
        return None if reading is None else reading.value
