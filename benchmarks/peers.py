"""Other libraries' decorators. Each is loaded only in the process that measures it."""

# ruff: noqa: PLC0415 - these libraries are optional, and must not disturb other rows

from __future__ import annotations

import os
from typing import Any

from benchmarks.subject import BUDGET, Case, calls_of, handle


def prometheus() -> Case:
    """Observe each call in a histogram of prometheus_client."""
    from prometheus_client import CollectorRegistry, Histogram, generate_latest

    registry = CollectorRegistry()
    histogram = Histogram("call_duration_seconds", "Duration of calls.", registry=registry)
    return Case(calls_of(histogram.time()(handle)), lambda: generate_latest(registry))


def logfire() -> Case:
    """Make a span for each call with logfire, shipped in batches to a null exporter."""
    import logfire as library
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from benchmarks.null_export import NullSpanExporter

    spans = NullSpanExporter()
    library.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(spans)],
    )
    measured = library.instrument(BUDGET)(handle)
    return Case(calls_of(measured), library.force_flush, lambda: spans.shipped, makes_spans=True)


def ddtrace() -> Case:
    """Make a span for each call with ddtrace, thrown away when it is finished."""
    quiet = ("INSTRUMENTATION_TELEMETRY", "REMOTE_CONFIGURATION", "RUNTIME_METRICS")
    os.environ.update({f"DD_{part}_ENABLED": "false" for part in quiet})
    from ddtrace.trace import TraceFilter, tracer

    class DropAll(TraceFilter):  # type: ignore[misc]  # ddtrace is not installed for checks
        shipped = 0

        def process_trace(self, trace: list[Any]) -> None:
            self.shipped += len(trace)

    drop = DropAll()
    tracer.configure(trace_processors=[drop])
    measured = tracer.wrap(BUDGET)(handle)
    return Case(calls_of(measured), tracer.flush, lambda: drop.shipped, makes_spans=True)
