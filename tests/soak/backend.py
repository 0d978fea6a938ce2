"""Real OpenTelemetry providers that keep counts only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from perfkit import Telemetry
from perfkit.otel.counted_export import CountedExporter


class LastMetrics(MetricExporter):
    """Keeps what it was given last: with cumulative sums that is all there ever was."""

    def __init__(self) -> None:
        super().__init__()
        self.last: MetricsData | None = None

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        self.last = metrics_data
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        pass


class CountedSpans(SpanExporter):
    """Keeps the names of spans. Without a lock, which a forked child could find held for good."""

    def __init__(self) -> None:
        self._names: list[str] = []

    @property
    def counts(self) -> Counter[str]:
        """How many spans there were, by name."""
        return Counter(self._names)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._names.extend(span.name for span in spans)
        return SpanExportResult.SUCCESS


class Backend:
    """Providers that export ten times a second, with what arrived."""

    def __init__(self, export_interval_millis: float = 100) -> None:
        self._metrics = LastMetrics()
        self.exporter = CountedExporter(self._metrics)
        self._reader = PeriodicExportingMetricReader(self.exporter, export_interval_millis)
        self._meter_provider = MeterProvider([self._reader])
        self._tracer_provider = TracerProvider()
        self.spans = CountedSpans()
        self._tracer_provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.telemetry = Telemetry(
            tracer_provider=self._tracer_provider, meter_provider=self._meter_provider
        )

    def counted_durations(self) -> Counter[str]:
        """Return how many durations of each budget this process has counted in bulk.

        Asks nothing of the SDK, for a forked child in which its locks may be held for good.
        """
        counts: Counter[str] = Counter()
        for scope in self.exporter._scopes():
            for metric in scope.metrics:
                if metric.name == "perfkit.call.duration":
                    for point in metric.data.data_points:
                        counts[point.attributes["perfkit.budget.name"]] += point.count
        return counts

    def close(self) -> None:
        """Export once more, and end every thread."""
        self._tracer_provider.shutdown()
        self._meter_provider.shutdown()

    def total(self, metric: str, /, **attributes: str) -> int:
        """Return how much was counted in `metric`, of all points that have these attributes."""
        return sum(_size(point) for point in self._points(metric) if _has(point, attributes))

    def points(self, metric: str) -> list[Any]:
        """Export now, and return every point of a metric."""
        self._meter_provider.force_flush()
        return list(self._points(metric))

    def _points(self, name: str) -> Iterator[Any]:
        assert self._metrics.last is not None, "nothing was exported"
        for resource in self._metrics.last.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        yield from metric.data.data_points


def _size(point: Any) -> int:
    count: int = point.count if hasattr(point, "count") else point.value
    return count


def _has(point: Any, attributes: Mapping[str, str]) -> bool:
    return all(
        point.attributes.get(f"perfkit.{key.replace('__', '.')}") == value
        for key, value in attributes.items()
    )
