"""Create SDK spans without the set-up that is the same at every call of one place.

The SDK spends most of a span's time on cleaning attributes and on containers that usually stay
empty. A `FastSpan` is a subclass of the SDK's span that creates these parts on first access. A span
without such an access ends with attributes that were prepared once. Sampler, id generator, limits
and processors are those of the provider.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace import Span as AnySpan

from perfkit.model import telemetry_names as names
from perfkit.otel.spans import SpanFactory
from perfkit.sinks.delivery.signals import is_signal_exception

_new: Final = object.__new__
_FLAGS: Final = tuple(TraceFlags(flags) for flags in range(4))
_RANDOM: Final = 2
_UNSET: Final = Status()


class FastSpan(Span):
    """A span of the SDK that creates its lock, attributes, events and links on first access."""

    # `FastSpanFactory` does not call ``__init__``, which would create these parts.

    def __getattr__(self, name: str) -> Any:
        """Create a missing part; two threads that access it at once receive the same object."""
        # Python calls this only if the normal lookup of the attribute fails.
        parts = self.__dict__
        limits = parts["_limits"]
        if name == "_lock":
            made: Any = threading.Lock()
        elif name == "_attributes":
            made = _bounded(limits, parts["_perfkit_attributes"])
        elif name == "_events":
            made = BoundedList(limits.max_events)
        elif name == "_links":
            made = BoundedList(limits.max_links)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        # `setdefault` is atomic, and the lock itself is among the parts: two locks would protect
        # nothing.
        return parts.setdefault(name, made)


def _bounded(limits: Any, attributes: Mapping[str, Any]) -> BoundedAttributes:
    return BoundedAttributes(
        limits.max_span_attributes,
        attributes,
        immutable=False,
        max_value_len=limits.max_span_attribute_length,
    )


class FastSpanFactory(SpanFactory):
    """Creates the spans of one place, with a tracer of the SDK for which `is_known` is true."""

    _tracer: Tracer

    def __init__(self, tracer: Tracer, name: str, attributes: Mapping[str, Any]) -> None:
        super().__init__(tracer, name, attributes)
        self._counts_spans = type(tracer._tracer_metrics).__name__ != "NoOpTracerMetrics"  # noqa: SLF001 - without a public getter
        limits = tracer._span_limits  # noqa: SLF001 - likewise
        self._parts = {key: _example_parts()[key] for key in _KEPT} | {
            "_name": name,
            "_end_time": None,
            "_status": _UNSET,
            "_sampler": tracer.sampler,
            "_span_processor": tracer.span_processor,
            "_limits": limits,
            "_instrumentation_info": tracer.instrumentation_info,
            "_instrumentation_scope": tracer._instrumentation_scope,  # noqa: SLF001 - likewise
            "_perfkit_attributes": attributes,
        }
        # The number of parts of a span without a lazy part. The methods that change a span access
        # its lock, so one comparison of lengths at the end detects every change.
        self._untouched = len(self._parts) + len(_OWN)
        self._readable = {
            "_name": name,
            "_kind": SpanKind.INTERNAL,
            "_status": _UNSET,
            "_events": BoundedList(limits.max_events),
            "_links": BoundedList(limits.max_links),
            "_instrumentation_info": tracer.instrumentation_info,
            "_instrumentation_scope": tracer._instrumentation_scope,  # noqa: SLF001 - likewise
        }
        self._by_state: dict[str, BoundedAttributes] = {}

    def start(self, outside: Context, started_ns: int) -> AnySpan:
        """Start a span with the steps of the tracer's ``start_span``."""
        tracer = self._tracer
        parent: SpanContext | None = get_current_span(outside).get_span_context()
        if not tracer._is_enabled():  # noqa: SLF001 - as the tracer itself does
            return NonRecordingSpan(parent)  # type: ignore[arg-type]  # as the tracer itself does
        if parent is None or not parent.is_valid:
            parent = None
            trace_id = tracer.id_generator.generate_trace_id()
            flags = _RANDOM if tracer.id_generator.is_trace_id_random() else 0
        else:
            trace_id = parent.trace_id
            flags = parent.trace_flags & _RANDOM
        result = tracer.sampler.should_sample(
            outside, trace_id, self._name, SpanKind.INTERNAL, self._attributes, ()
        )
        if result.decision.is_sampled():  # type: ignore[no-untyped-call]  # untyped in the SDK
            flags |= TraceFlags.SAMPLED
        span_id = tracer.id_generator.generate_span_id()
        context = SpanContext(trace_id, span_id, False, _FLAGS[flags], result.trace_state)  # noqa: FBT003 - the API's order
        on_end = (
            tracer._tracer_metrics.start_span(parent, result.decision)  # noqa: SLF001 - likewise
            if self._counts_spans
            else None
        )
        if not result.decision.is_recording():  # type: ignore[no-untyped-call]  # likewise
            return NonRecordingSpan(context)
        span: FastSpan = _new(FastSpan)
        parts = span.__dict__ = self._parts.copy()
        parts["_context"] = context
        parts["_parent"] = parent
        parts["_resource"] = tracer.resource
        parts["_start_time"] = started_ns
        parts["_record_end_metrics"] = on_end
        # A sampler may add attributes; the additional part makes `end` use the SDK.
        if result.attributes != self._attributes:
            parts["_attributes"] = _bounded(parts["_limits"], result.attributes)
        tracer.span_processor.on_start(span, outside)
        return span

    def end(self, span: AnySpan, ended_ns: int, state: str) -> None:
        """End a span that `start` returned."""
        # The fast path is for a span that no code accessed: with its original name, without an
        # event, and without a callback of the SDK's own metrics. Any other span ends in the SDK.
        parts = span.__dict__
        if (
            type(span) is not FastSpan
            or len(parts) != self._untouched
            or parts["_name"] is not self._name
            or parts["_record_end_metrics"] is not None
        ):
            super().end(span, ended_ns, state)
            return
        parts["_end_time"] = ended_ns
        processor = self._tracer.span_processor
        processor._on_ending(span)  # noqa: SLF001 - as the span itself does
        # `_on_ending` may set attributes, so the prepared ones would be incomplete.
        if len(parts) != self._untouched:
            processor.on_end(span._readable_span())  # noqa: SLF001 - likewise
            return
        # The counterpart of the SDK's `_readable_span`, with parts that all spans here share.
        readable: ReadableSpan = _new(ReadableSpan)
        seen = readable.__dict__ = self._readable.copy()
        for part in ("_context", "_parent", "_resource", "_start_time", "_end_time"):
            seen[part] = parts[part]
        seen["_attributes"] = self._by_state.get(state) or self._prepare(state)
        processor.on_end(readable)

    def _prepare(self, state: str) -> BoundedAttributes:
        # Shared by all spans with this state, so it is immutable. Two threads may both prepare it;
        # the results are equal, and one replaces the other.
        prepared = _bounded(self._parts["_limits"], self._attributes)
        if state:
            prepared[names.BUDGET_STATE] = state
        prepared._immutable = True  # noqa: SLF001 - as the span itself does when it ends
        self._by_state[state] = prepared
        return prepared


_OWN: Final = ("_context", "_parent", "_resource", "_start_time", "_record_end_metrics")
_KEPT: Final = ("_kind", "_trace_config", "_record_exception", "_set_status_on_exception")
_LAZY: Final = ("_lock", "_attributes", "_events", "_links")
_SET: Final = (
    "_name",
    "_end_time",
    "_status",
    "_sampler",
    "_span_processor",
    "_limits",
    "_instrumentation_info",
    "_instrumentation_scope",
)


@cache
def _example_parts() -> Mapping[str, Any]:
    """Return the instance attributes of an SDK span that is not exported."""
    # From a provider without processors. Its hook for the exit of the interpreter is off, since it
    # would refer to the provider until then.
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    return vars(provider.get_tracer("perfkit").start_span("example"))


@cache
def is_known(kind: type) -> bool:
    """Return whether spans of this class of tracer have exactly the parts listed in this module.

    Spans of another version of the SDK may differ; the tracer itself then creates the spans.
    """
    try:
        return kind is Tracer and set(_example_parts()) == {*_OWN, *_KEPT, *_LAZY, *_SET}
    except Exception as error:  # whatever differs, the tracer itself still works
        if is_signal_exception(error):
            raise
        return False
