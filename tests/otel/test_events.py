"""Violations as OpenTelemetry log records."""

from __future__ import annotations

from typing import Any

from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber

import perfkit
from perfkit import budget
from perfkit.otel.events import EventSink
from perfkit.otel.telemetry import Telemetry
from perfkit.testing import FakeClock


def test_a_violation_is_a_log_record_with_an_event_name_and_its_span(
    backend: Any, clock: FakeClock
) -> None:
    perfkit.configure(perfkit.Catalog(), telemetry=backend.telemetry, clock=clock, sinks=["otel"])
    with budget("load", duration=("100ms", "300ms"), category="database", critical=True):
        clock.advance(0.4)
    (event,) = backend.events
    (span,) = backend.spans
    assert event.event_name == "perfkit.budget.violation"
    assert (event.trace_id, event.span_id) == (span.context.trace_id, span.context.span_id)
    assert event.trace_flags & 1
    assert event.severity_number is SeverityNumber.ERROR
    assert event.severity_text == "critical"
    assert event.timestamp == clock.time_ns()
    assert event.body.startswith("critical load: duration was 400 ms")
    expected = {
        "perfkit.budget.name": "load",
        "perfkit.budget.category": "database",
        "perfkit.budget.critical": True,
        "perfkit.budget.state": "violated",
        "perfkit.metric": "duration",
        "perfkit.value": 0.4,
        "perfkit.target": 0.1,
        "perfkit.threshold": 0.3,
        "perfkit.direction": "at_most",
    }
    assert expected.items() <= dict(event.attributes).items()


def test_without_a_span_of_its_own_the_record_belongs_to_no_trace(
    backend: Any, clock: FakeClock
) -> None:
    """Not even to the one that is current where it is emitted, as by the thread of a queue."""
    perfkit.configure(perfkit.Catalog(), telemetry=backend.telemetry, clock=clock, sinks=["otel"])
    with backend.tracer_provider.get_tracer("app").start_as_current_span("request"):
        with budget("load", duration={"threshold": "1s", "statistic": "p50"}):
            clock.advance(2)
        perfkit.evaluate_windows()
    (event,) = backend.events
    assert not event.trace_id
    assert not event.span_id


def test_it_knows_whether_a_provider_is_there_to_take_records(backend: Any) -> None:
    assert EventSink(backend.telemetry).missing_here == ""
    for nobody in (None, Telemetry(), Telemetry(logger_provider=NoOpLoggerProvider())):
        assert "this process has no logger provider" in EventSink(nobody).missing_here
