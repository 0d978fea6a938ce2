"""Export the spans of the service to a file, or to the OTLP receiver of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from perfkit import Telemetry

_ENDPOINTS: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
)
_DEFAULTS: Final = {
    "OTEL_SERVICE_NAME": "voice-service",
    "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
}
"""For a run of seconds: a queue for all of its spans, and a short timeout for a receiver."""

_FLUSH_MILLISECONDS: Final = 3_000


def otlp_endpoint() -> str:
    """Return the OTLP endpoint of the environment; empty without one."""
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")


@contextmanager
def reporting(spans: Path) -> Iterator[Telemetry | Literal["otlp"]]:
    """Yield the `telemetry` argument of `perfkit.configure`; export all data at the end.

    Args:
        spans: The file for spans, one JSON object per line, without an OTLP receiver.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if otlp_endpoint():
        try:
            yield "otlp"
        finally:
            _flush_global_providers()
        return
    provider = TracerProvider()
    with spans.open("w", encoding="utf-8") as file:
        exporter = ConsoleSpanExporter(out=file, formatter=_one_line)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        try:
            yield Telemetry(tracer_provider=provider)
        finally:
            provider.shutdown()


def _one_line(span: ReadableSpan) -> str:
    """Format a span as JSON, with ids as in violations: without a leading 0x."""
    return re.sub(r'"0x([0-9a-f]{16,32})"', r'"\1"', span.to_json(indent=None)) + "\n"


def _flush_global_providers() -> None:
    for provider in (
        trace.get_tracer_provider(),
        metrics.get_meter_provider(),
        get_logger_provider(),
    ):
        if flush := getattr(provider, "force_flush", None):
            flush(_FLUSH_MILLISECONDS)
