"""A span for each measured call, current while the call runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import time_ns
from typing import Any, Protocol

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, Tracer

from perfkit.model import (
    Budget,
    CodeLocation,
    Evidence,
    SpanIds,
    State,
)
from perfkit.model import telemetry_names as names


class SpanFactory(Protocol):
    """Makes the spans of one place."""

    def start(self, outside: Context, started_ns: int) -> Span:
        """Start a span whose parent is current in `outside`; time is since the Unix epoch."""

    def end(self, span: Span, ended_ns: int, state: str) -> None:
        """End it, with the worst verdict as text; empty where there is none."""


def end_span(span: Span, ended_ns: int, state: str) -> None:
    """End a span of any SDK, with the worst state as text; empty where there is none."""
    if state:
        span.set_attribute(names.BUDGET_STATE, state)
    span.end(ended_ns)


class OrdinarySpanFactory:
    """Makes spans as the tracer makes them: for any tracer.

    Args:
        tracer: The application's.
        name: Of every span.
        attributes: Of every span, at its start.
    """

    def __init__(self, tracer: Tracer, name: str, attributes: dict[str, str | int | bool]) -> None:
        self._tracer = tracer
        self._name = name
        self._attributes = attributes

    def start(self, outside: Context, started_ns: int) -> Span:
        """Start a span; see `SpanFactory`."""
        return self._tracer.start_span(
            self._name, outside, attributes=self._attributes, start_time=started_ns
        )

    def end(self, span: Span, ended_ns: int, state: str) -> None:
        """End a span; see `SpanFactory`."""
        end_span(span, ended_ns, state)


def span_factory_of(tracer: Tracer, budget: Budget, where: CodeLocation) -> SpanFactory:
    """Return what makes the spans of one place: lean ones where the tracer is the SDK's."""
    about = {
        **names.of_budget(budget),
        names.BUDGET_CRITICAL: budget.critical,
        **names.of_place(where),
    }
    if "opentelemetry.sdk.trace" in sys.modules:
        from perfkit.otel import fast_span  # noqa: PLC0415 - only where the SDK is loaded anyway

        if fast_span.is_known(type(tracer)):
            return fast_span.FastSpanFactory(tracer, budget.name, about)  # type: ignore[arg-type]  # known now
    return OrdinarySpanFactory(tracer, budget.name, about)


class Tracing:
    """The spans of one place, as its budget wants them.

    With ``spans="always"`` a span is made at the start, and current; with ``"violations"`` it is
    made afterwards, with its true start, end and parent, and only if a threshold broke.

    Args:
        tracer: The application's.
        budget: What the place is held to.
        where: The place.
    """

    def __init__(self, tracer: Tracer, budget: Budget, where: CodeLocation) -> None:
        self.is_late = budget.spans == "violations"
        self._factory = span_factory_of(tracer, budget, where)

    def start(self, started_ns: int | None = None) -> CurrentSpan:
        """Make a span and make it current; None means that it starts now."""
        outside = context.get_current()
        if started_ns is None:
            started_ns = time_ns()
        return CurrentSpan(
            self._factory, self._factory.start(outside, started_ns), started_ns, outside
        )

    def start_late(self, started_ns: int) -> LateSpan:
        """Return a span that is made at its end, if the call violated its budget."""
        return LateSpan(self, started_ns)

    def make_late(self, started_ns: int, parent: Context | None = None) -> CurrentSpan:
        """Make a span of a call that has ended; None means that its parent is current now."""
        span = self._factory.start(parent or context.get_current(), started_ns)
        return CurrentSpan(self._factory, span, started_ns, None)


class CurrentSpan:
    """A span from the call's start to its end.

    It puts back the context it found instead of detaching a token, because a token can only be
    detached in the very context that made it, and a block may be left in another one (an async
    generator closed by the event loop).

    Args:
        maker: Made the span, and ends it.
        span: The span.
        started_ns: When it started, nanoseconds since the Unix epoch.
        outside: The context before it, which it now replaces; None leaves the context alone.
    """

    __slots__ = ("_factory", "_inside", "_outside", "_span", "_started_ns")

    def __init__(
        self, maker: SpanFactory, span: Span, started_ns: int, outside: Context | None
    ) -> None:
        self._factory = maker
        self._span = span
        self._started_ns = started_ns
        self._outside = self._inside = outside
        if outside is not None:
            context.attach(trace.set_span_in_context(span, outside))

    def suspend(self) -> None:
        """Take the span out of the context until `resume`."""
        self._inside = context.get_current()
        context.attach(self._outside or Context())

    def resume(self) -> None:
        """Put the span, and what the code has put on top of it, back into the context."""
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
        """Say how the call went, and end the span where the measured time ends.

        The exception itself is not recorded: that costs several times the span, and the outermost
        instrumentation records it once.

        Args:
            elapsed_ns: The call's duration, and the span's.
            state: The worst verdict; None where there is none.
            error_type: The exception's class, where the call did not end well.
            is_cancelled: Whether it was ended from outside.
            evidence: What explains its cost.
        """
        span = self._span
        if self._outside is not None and trace.get_current_span() is span:
            context.attach(self._outside)
        if error_type:
            span.set_attribute(names.ERROR_TYPE, error_type)
            span.set_status(Status(StatusCode.ERROR, "cancelled" if is_cancelled else None))
        for name, text in names.of_evidence(evidence).items():
            span.set_attribute(name, text)
        self._factory.end(span, self._started_ns + elapsed_ns, "" if state is None else state.value)

    def ids(self) -> SpanIds | None:
        """Return the span's ids as text; None where they are not valid."""
        return ids_of(self._span.get_span_context())


class LateSpan:
    """A span that is made when its call has ended, if that violated its budget.

    Args:
        tracing: Makes the span.
        started_ns: When the call started, nanoseconds since the Unix epoch.
    """

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
        """Make the span of a violated call and end it; see `CurrentSpan.end`."""
        if state is State.VIOLATED:
            self._made = self._tracing.make_late(self._started_ns, self._parent)
            self._made.end(elapsed_ns, state, **about)

    def ids(self) -> SpanIds | None:
        """Return the span's ids as text; None where none was made."""
        return None if self._made is None else self._made.ids()


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
