"""A lean span is a span of the SDK to everybody: processors, exporters, children and users."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from perfkit.otel import fast_span
from perfkit.otel.spans import SpanFactory

_ATTRIBUTES = {"perfkit.budget.name": "load", "code.line.number": 7, "critical": True}


class _Ids(IdGenerator):
    """Counts, so that two programs get the same ids."""

    def __init__(self) -> None:
        self._last = 0

    def generate_span_id(self) -> int:
        self._last += 1
        return self._last

    def generate_trace_id(self) -> int:
        self._last += 1
        return self._last * 2**64 - 1

    def is_trace_id_random(self) -> bool:
        return True


class _Adding(Sampler):
    """Records without sampling, and adds an attribute and a trace state."""

    def should_sample(
        self, parent_context: Any, trace_id: int, name: str, *args: Any, **_: Any
    ) -> Any:
        attributes = {**(args[1] or {}), "sampler.rate": 0.5}
        return SamplingResult(Decision.RECORD_ONLY, attributes, TraceState([("a", "b")]))

    def get_description(self) -> str:
        return "adding"


class _Nosy(SpanProcessor):
    """Touches spans at their start and keeps what it gets at their end."""

    def __init__(self, *, touches: bool) -> None:
        self._touches = touches
        self.ended: list[ReadableSpan] = []
        self.seen: list[Any] = []

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        assert isinstance(span, Span)
        self.seen.append((span.name, span.is_recording(), span.kind, parent_context is None))
        if self._touches:
            span.set_attribute("processor", "was here")

    def on_end(self, span: ReadableSpan) -> None:
        assert not isinstance(span, Span)
        self.ended.append(span)


_REMOTE = SpanContext(
    5, 6, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("k", "v")])
)
_REMOTE_OFF = SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(0))
_PARENTS: dict[str, Any] = {
    "none": None,
    "remote": NonRecordingSpan(_REMOTE),
    "sampled out": NonRecordingSpan(_REMOTE_OFF),
}
_SAMPLERS: dict[str, Sampler] = {
    "on": ALWAYS_ON,
    "off": ALWAYS_OFF,
    "parent": ParentBased(ALWAYS_ON),
    "half": TraceIdRatioBased(0.5),
    "adding": _Adding(),
}
_LINK = SpanContext(8, 9, is_remote=False)

_ACTIONS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda span: span.set_attribute("mine", "x" * 30),
    "attributes": lambda span: span.set_attributes({"a": 1, "b": [1.0, 2.0]}),
    "bad attribute": lambda span: span.set_attribute("bad", object()),
    "overwrite": lambda span: span.set_attribute("critical", False),  # noqa: FBT003 - the API's order
    "event": lambda span: span.add_event("happened", {"n": 1}, timestamp=3),
    "exception": lambda span: span.record_exception(LookupError("mine"), timestamp=4),
    "link": lambda span: span.add_link(_LINK, {"why": "x"}),
    "ok": lambda span: span.set_status(StatusCode.OK),
    "error": lambda span: span.set_status(Status(StatusCode.ERROR, "bad")),
    "rename": lambda span: span.update_name("renamed"),
    "end": lambda span: span.end(17),
    "look": lambda span: (
        span.name,
        span.attributes,
        len(span.events),
        len(span.links),
        span.status.status_code,
    ),
    "json": lambda span: span.to_json(),
    "recording": lambda span: span.is_recording(),
}


def _run(make: Callable[..., Any], program: Any) -> dict[str, Any]:
    """Run a program on spans of one maker; return all that anybody could see of it."""
    actions, parent, sampler, limits, touches, state = program
    processor = _Nosy(touches=touches)
    provider = TracerProvider(
        sampler=_SAMPLERS[sampler],
        resource=Resource({"service.name": "test"}),
        id_generator=_Ids(),
        span_limits=SpanLimits(max_span_attributes=limits, max_attribute_length=20, max_events=1),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("perfkit", "1")
    outside = context.Context()
    if _PARENTS[parent] is not None:
        outside = trace.set_span_in_context(_PARENTS[parent], outside)
    maker = make(tracer, "load", _ATTRIBUTES)
    answers = []
    for _ in range(2):
        span = maker.start(outside, 11)
        inside = trace.set_span_in_context(span, outside)
        for action in actions:
            try:
                answers.append(repr(_ACTIONS[action](span)))
            except Exception as error:  # noqa: BLE001 - what differs is what counts
                answers.append(f"{type(error).__name__}: {error}")
        tracer.start_span("child", inside, start_time=12).end(13)
        maker.end(span, 19, state)
        answers.append(span.is_recording())
        answers.append(tuple(span.get_span_context()))
    encoded = encode_spans(processor.ended).SerializeToString() if processor.ended else b""
    dropped = [(s.dropped_attributes, s.dropped_events, s.dropped_links) for s in processor.ended]
    return {
        "answers": answers,
        "seen": processor.seen,
        "otlp": encoded,
        "json": [s.to_json() for s in processor.ended],
        "dropped": dropped,
        "kinds": [type(s) for s in processor.ended],
    }


_PROGRAMS = st.tuples(
    st.lists(st.sampled_from(sorted(_ACTIONS)), max_size=5),
    st.sampled_from(sorted(_PARENTS)),
    st.sampled_from(sorted(_SAMPLERS)),
    st.sampled_from([2, 3, 128]),
    st.booleans(),
    st.sampled_from(["", "met", "violated"]),
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The SDK warns of a second end and of bad attributes, with both kinds of span."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_PROGRAMS)
def test_a_random_program_sees_and_ships_the_same(program: Any) -> None:
    assert _run(fast_span.FastSpanFactory, program) == _run(SpanFactory, program)


def test_the_sdk_in_use_is_one_that_lean_spans_know() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("perfkit")
    assert fast_span.is_known(type(tracer))
    assert isinstance(
        fast_span.FastSpanFactory(tracer, "load", {}).start(context.Context(), 1), Span
    )


def test_another_sdk_falls_back_to_its_own_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_span, "_KEPT", (*fast_span._KEPT, "_something_new"))
    fast_span.is_known.cache_clear()
    try:
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("perfkit")
        assert not fast_span.is_known(type(tracer))
    finally:
        fast_span.is_known.cache_clear()


def test_a_disabled_tracer_makes_no_span() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("perfkit")
    maker = fast_span.FastSpanFactory(tracer, "load", {})
    provider._set_tracer_configurator(
        tracer_configurator=lambda _: type(tracer._tracer_config)(is_enabled=False)
    )
    assert not maker.start(context.Context(), 1).is_recording()
    provider.shutdown()
