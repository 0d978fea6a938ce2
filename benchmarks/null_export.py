"""OpenTelemetry providers as in production, with exporters that send nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class NullSpanExporter(SpanExporter):
    """Counts the exported spans, and stores the last one."""

    def __init__(self) -> None:
        self.exported = 0
        self.last: ReadableSpan | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count `spans`."""
        self.exported += len(spans)
        self.last = spans[-1]
        return SpanExportResult.SUCCESS


class NullMetricExporter(MetricExporter):
    """Stores the data of the last export."""

    def __init__(self) -> None:
        super().__init__()
        self.last: MetricsData | None = None

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK passes it
        **kwargs: Any,  # noqa: ARG002 - likewise
    ) -> MetricExportResult:
        """Store `metrics_data`."""
        self.last = metrics_data
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK passes it
        """Do nothing."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Do nothing."""


def tracing(exporter: SpanExporter) -> TracerProvider:
    """Return a provider that exports to `exporter` in batches, with the SDK's default sizes."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def metering(exporter: MetricExporter) -> MeterProvider:
    """Return a provider that exports to `exporter` at the SDK's default interval."""
    return MeterProvider([PeriodicExportingMetricReader(exporter)])
