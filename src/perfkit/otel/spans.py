"""A span for each measured call, current while the call runs."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, Tracer, TracerProvider

from perfkit.model import (
    Budget,
    Measurement,
    Metric,
    Outcome,
    SpanIds,
    State,
    Verdict,
    Where,
)
from perfkit.otel import attributes as names
from perfkit.otel.providers import SCOPE


class SpanObserver:
    """Makes one span a call, named after its budget.

    A budget's ``spans`` decides: ``"always"`` makes it at the start, and current; ``"violations"``
    makes it afterwards, with its true start, end and parent, and only if a threshold broke;
    ``"never"`` makes none.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(SCOPE)

    def start(
        self, budget: Budget, where: Where, started_ns: int
    ) -> _CurrentSpan | _LateSpan | None:
        """Make the span current, or note where it would have started."""
        if budget.spans == "never":
            return None
        if budget.spans == "violations":
            return _LateSpan(self._tracer, budget, where)
        return _CurrentSpan(_start(self._tracer, budget, where, started_ns))


def _start(
    tracer: Tracer,
    budget: Budget,
    where: Where,
    started_ns: int,
    parent: Context | None = None,
) -> Span:
    about = {
        **names.of_budget(budget),
        names.BUDGET_CRITICAL: budget.critical,
        **names.of_place(where),
    }
    return tracer.start_span(budget.name, parent, attributes=about, start_time=started_ns)


class _CurrentSpan:
    """A span that is current from the call's start to its end.

    It puts back the context it found instead of detaching a token, because a token can only be
    detached in the very context that made it, and a block may be left in another one (an async
    generator closed by the event loop).
    """

    __slots__ = ("_before", "_span")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._before = context.get_current()
        context.attach(trace.set_span_in_context(span, self._before))

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
        if trace.get_current_span() is self._span:
            context.attach(self._before)
        return _end(self._span, measurement, verdicts)


class _LateSpan:
    """A span that is made when the call has ended, if it broke its budget."""

    __slots__ = ("_before", "_budget", "_tracer", "_where")

    def __init__(self, tracer: Tracer, budget: Budget, where: Where) -> None:
        self._tracer = tracer
        self._budget = budget
        self._where = where
        self._before = context.get_current()

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
        if not any(verdict.state is State.VIOLATED for verdict in verdicts):
            return None
        span = _start(self._tracer, self._budget, self._where, measurement.started_ns, self._before)
        return _end(span, measurement, verdicts)


def _end(span: Span, measurement: Measurement, verdicts: Sequence[Verdict]) -> SpanIds | None:
    """Say how the call went, and end the span where the measured time ends.

    The exception itself is not recorded: that costs several times the span, and the outermost
    instrumentation records it once.
    """
    if verdicts:
        worst = max((verdict.state for verdict in verdicts), key=lambda state: state.rank)
        span.set_attribute(names.BUDGET_STATE, str(worst))
    if measurement.outcome is not Outcome.OK:
        span.set_attribute(names.ERROR_TYPE, measurement.error_type)
        cut_short = measurement.outcome is Outcome.CANCELLED
        span.set_status(Status(StatusCode.ERROR, "cancelled" if cut_short else None))
    for evidence in measurement.evidence:
        span.set_attribute(f"perfkit.evidence.{evidence.kind}", evidence.summary or evidence.note)
    seconds = measurement.value(Metric.DURATION) or 0.0
    span.end(measurement.started_ns + round(seconds * 1e9))
    return ids_of(span.get_span_context())


def ids_of(span: SpanContext) -> SpanIds | None:
    """Return the ids of a span as text; None where they are not valid."""
    if not span.is_valid:
        return None
    return SpanIds(
        trace_id=trace.format_trace_id(span.trace_id),
        span_id=trace.format_span_id(span.span_id),
        trace_flags=int(span.trace_flags),
    )


def current_span_ids() -> SpanIds | None:
    """Return the ids of the span that is current; None where there is none."""
    return ids_of(trace.get_current_span().get_span_context())
