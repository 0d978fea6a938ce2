"""Create a span for each measured call, and make it current while the call runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any, TypeAlias

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, Tracer

from perfkit.model import Budget, CodeLocation, Evidence, SpanIds, State
from perfkit.model import telemetry_names as names


class SpanFactory:
    """Creates the spans of one place through the API, with any tracer.

    Every span has the same name, and the same attributes at its start.
    """

    def __init__(
        self, tracer: Tracer, name: str, attributes: Mapping[str, str | int | bool]
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._attributes = attributes

    def start(self, outside: Context, started_ns: int) -> Span:
        """Start a span whose parent is current in `outside`; nanoseconds since the Unix epoch."""
        return self._tracer.start_span(
            self._name, outside, attributes=self._attributes, start_time=started_ns
        )

    def end(self, span: Span, ended_ns: int, state: str) -> None:
        """End `span` with the worst state of the verdicts; empty without a verdict."""
        if state:
            span.set_attribute(names.BUDGET_STATE, state)
        span.end(ended_ns)


def span_factory_of(tracer: Tracer, budget: Budget, where: CodeLocation) -> SpanFactory:
    """Return the span factory of one place: `FastSpanFactory` for the tracer of the SDK."""
    about = {
        **names.of_budget(budget),
        names.BUDGET_CRITICAL: budget.critical,
        **names.of_place(where),
    }
    # A tracer of the SDK implies that the SDK is loaded. Without this check, an application with
    # another implementation of the API would need the SDK installed.
    if "opentelemetry.sdk.trace" in sys.modules:
        from perfkit.otel import fast_span  # noqa: PLC0415 - only where the SDK is loaded anyway

        if fast_span.is_known(type(tracer)):
            return fast_span.FastSpanFactory(tracer, budget.name, about)  # type: ignore[arg-type]  # checked
    return SpanFactory(tracer, budget.name, about)


class Tracing:
    """Creates the spans of one place, according to its budget's ``spans``.

    With ``"always"`` a span starts with the call and is current. With ``"violations"`` a span is
    created after a call that broke a threshold, with the call's start, end and parent.
    """

    def __init__(self, tracer: Tracer, budget: Budget, where: CodeLocation) -> None:
        self.is_late = budget.spans == "violations"
        self._factory = span_factory_of(tracer, budget, where)

    def start(self, started_ns: int | None = None) -> CurrentSpan:
        """Start a span and make it current; None means that it starts now."""
        outside = context.get_current()
        if started_ns is None:
            started_ns = time_ns()
        span = self._factory.start(outside, started_ns)
        return CurrentSpan(self._factory, span, started_ns, outside)

    def start_late(self, started_ns: int) -> LateSpan:
        """Return a span that is created at its end, if the call violated its budget."""
        return LateSpan(self, started_ns)

    def make_late(self, started_ns: int, parent: Context | None = None) -> CurrentSpan:
        """Create the span of a call that has ended; None means that its parent is current now."""
        span = self._factory.start(parent or context.get_current(), started_ns)
        return CurrentSpan(self._factory, span, started_ns, None)


class CurrentSpan:
    """A span that is current from the start of a call to its end.

    Args:
        factory: Created the span and ends it.
        span: The span.
        started_ns: The start of the span in nanoseconds since the Unix epoch.
        outside: The context before the span; None means that the span does not become current.
    """

    # The span attaches the previous context again and does not detach a token. A token can be
    # detached only in the context that created it, and a block may end in another context, as in an
    # async generator that the event loop closes.

    __slots__ = ("_factory", "_inside", "_outside", "_span", "_started_ns")

    def __init__(
        self, factory: SpanFactory, span: Span, started_ns: int, outside: Context | None
    ) -> None:
        self._factory = factory
        self._span = span
        self._started_ns = started_ns
        self._outside = self._inside = outside
        if outside is not None:
            context.attach(trace.set_span_in_context(span, outside))

    def suspend(self) -> None:
        """Attach the context outside the span until `resume`, as while a generator is suspended."""
        self._inside = context.get_current()
        context.attach(self._outside or Context())

    def resume(self) -> None:
        """Attach the context that was current at `suspend`."""
        # A generator may be resumed from another context, so the context to restore is read again.
        self._outside = context.get_current()
        context.attach(self._inside or Context())

    def end(
        self,
        elapsed_ns: int,
        state: State | None,
        *,
        error_type: str = "",
        is_cancelled: bool = False,
        evidence: Sequence[Evidence] = (),
    ) -> None:
        """Set the outcome of the call on the span, and end it where the measured time ends.

        Args:
            elapsed_ns: The duration of the call and of the span, in nanoseconds.
            state: The worst state of the verdicts; None without a verdict.
            error_type: The class of the exception; empty if the call did not raise.
            is_cancelled: Whether the call was cancelled or closed from outside.
            evidence: The evidence that was gathered during the call.
        """
        # The exception is not recorded as an event: that costs several times the span, and the
        # outermost instrumentation records it once.
        span = self._span
        # Only if the span is still current: code in the block may have attached another context.
        if self._outside is not None and trace.get_current_span() is span:
            context.attach(self._outside)
        if error_type:
            span.set_attribute(names.ERROR_TYPE, error_type)
            span.set_status(Status(StatusCode.ERROR, "cancelled" if is_cancelled else None))
        if evidence:
            for name, text in names.of_evidence(evidence).items():
                span.set_attribute(name, text)
        self._factory.end(span, self._started_ns + elapsed_ns, "" if state is None else state.value)

    def ids(self) -> SpanIds | None:
        """Return the span's ids as text; None if they are not valid."""
        return ids_of(self._span.get_span_context())


class LateSpan:
    """A span that is created after its call, if the call violated its budget."""

    def __init__(self, tracing: Tracing, started_ns: int) -> None:
        self._tracing = tracing
        self._started_ns = started_ns
        self._parent = context.get_current()
        self._made: CurrentSpan | None = None

    def suspend(self) -> None:
        """Do nothing: the span is not current."""

    def resume(self) -> None:
        """Do nothing: the span is not current."""

    def end(self, elapsed_ns: int, state: State | None, **about: Any) -> None:
        """Create and end the span of a call that violated its budget; see `CurrentSpan.end`."""
        if state is State.VIOLATED:
            self._made = self._tracing.make_late(self._started_ns, self._parent)
            self._made.end(elapsed_ns, state, **about)

    def ids(self) -> SpanIds | None:
        """Return the span's ids as text; None if no span was created."""
        return None if self._made is None else self._made.ids()


AnySpan: TypeAlias = CurrentSpan | LateSpan


def ids_of(span: SpanContext) -> SpanIds | None:
    """Return the ids of a span as text; None if they are not valid."""
    if not span.is_valid:
        return None
    return SpanIds(
        trace_id=trace.format_trace_id(span.trace_id),
        span_id=trace.format_span_id(span.span_id),
        trace_flags=int(span.trace_flags),
    )


def current_span_ids() -> SpanIds | None:
    """Return the ids of the current span as text; None without a current span."""
    return ids_of(trace.get_current_span().get_span_context())
