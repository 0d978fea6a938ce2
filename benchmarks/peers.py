"""The rows with decorators of other libraries."""

# Each library is imported only in the process of its own row.
# ruff: noqa: PLC0415 - these libraries are optional, and must not affect other rows

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
    """Create a span for each call with logfire, exported in batches to a null exporter."""
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
    return Case(calls_of(measured), library.force_flush, lambda: spans.exported, makes_spans=True)


def ddtrace() -> Case:
    """Create a span for each call with ddtrace, dropped when it is finished."""
    disabled = ("INSTRUMENTATION_TELEMETRY", "REMOTE_CONFIGURATION", "RUNTIME_METRICS")
    os.environ.update({f"DD_{part}_ENABLED": "false" for part in disabled})
    from ddtrace.trace import TraceFilter, tracer

    class DropAll(TraceFilter):  # type: ignore[misc]  # ddtrace is not installed for checks
        exported = 0

        def process_trace(self, trace: list[Any]) -> None:
            self.exported += len(trace)

    drop = DropAll()
    tracer.configure(trace_processors=[drop])
    measured = tracer.wrap(BUDGET)(handle)
    return Case(calls_of(measured), tracer.flush, lambda: drop.exported, makes_spans=True)
