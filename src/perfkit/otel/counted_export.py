"""Add data points that perfkit counted in bulk to the exports of a metric exporter.

An OpenTelemetry instrument costs 10 to 30 microseconds a call, a bulk counter a fraction of one.
The SDK has no API that accepts counted points. It has public classes for such points, and an
exporter can add them to an export.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from perfkit.evaluation.bulk_counter import CallCounts
from perfkit.model import telemetry_names as names
from perfkit.otel.counter_registry import counter_registry
from perfkit.otel.telemetry import SCOPE
from perfkit.runtime import deferred_calls, window_registry

_Stream: TypeAlias = "tuple[Mapping[str, Any], tuple[float, ...], CallCounts]"
"""Attributes, bucket bounds in seconds, and the calls that have both."""


DURATION: Final = ("perfkit.call.duration", "Duration of measured calls.", "s")
VERDICTS: Final = ("perfkit.budget.verdicts", "Judgements of limits, by state.", "{verdict}")
_OURS: Final = {DURATION[0], VERDICTS[0]}


def metric_exporter(inner: MetricExporter) -> MetricExporter:
    """Return an exporter that adds call metrics, counted in bulk, to the exports of `inner`.

    Pass it to your own reader::

        reader = PeriodicExportingMetricReader(metric_exporter(OTLPMetricExporter()))

    Durations and verdicts are exact and cost a fraction of a microsecond a call. Their temporality
    is the one that `inner` prefers. A provider with other readers also records through ordinary
    instruments, and this exporter removes the duplicate points.

    Args:
        inner: The application's exporter, which sends the export.
    """
    return CountedExporter(inner)


class CountedExporter(MetricExporter):
    """Wraps an application's exporter and adds the points of the bulk counters."""

    exports_counts = True

    def __init__(self, inner: MetricExporter) -> None:
        # A reader uses the preferences of its exporter, which have no public getter. Without a copy
        # the reader would use the defaults of the SDK.
        temporality: dict[type, AggregationTemporality] = (
            getattr(inner, "_preferred_temporality", None) or {}
        )
        super().__init__(
            preferred_temporality=temporality,
            preferred_aggregation=getattr(inner, "_preferred_aggregation", None),
        )
        self._inner = inner
        self._temporality = temporality.get(HistogramInstrument, AggregationTemporality.CUMULATIVE)
        self._reader = object()
        counter_registry.add_reader(self._reader)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Export `metrics_data` with the bulk counters' points, and return the inner result."""
        return self._inner.export(self._with_ours(metrics_data), timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Delegate to the inner exporter."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Delegate to the inner exporter."""
        self._inner.shutdown(timeout_millis, **kwargs)

    def _with_ours(self, data: MetricsData) -> MetricsData:
        scopes = self._scopes()
        resources = [_without_ours(resource) for resource in data.resource_metrics]
        # The reader exports only if it collected at least one metric, so a resource is present.
        first = resources[0]
        resources[0] = ResourceMetrics(
            first.resource, [*first.scope_metrics, *scopes], first.schema_url
        )
        return MetricsData(resources)

    def _scopes(self) -> list[ScopeMetrics]:
        """Return the points of the bulk counters: one scope for each revision of the bounds."""
        window_registry.look_for_providers()
        deferred_calls.drain(is_safe=True)  # the SDK exports after it has released its instruments
        now_ns = time.time_ns()
        grouped = self._read(now_ns)
        # A metric must not have two points with equal attributes, so streams with equal attributes
        # and different bounds are in different scopes.
        scopes = []
        for revision in range(max((len(streams) for streams in grouped), default=0)):
            layer = [streams[revision] for streams in grouped if revision < len(streams)]
            metrics = [
                *_duration_metric(layer, self._temporality, now_ns),
                *_verdict_metric(layer, self._temporality, now_ns),
            ]
            if metrics:
                attributes = {"perfkit.bounds.revision": revision} if revision else None
                scope = InstrumentationScope(SCOPE, attributes=attributes)
                scopes.append(ScopeMetrics(scope, metrics, ""))
        return scopes

    def _read(self, now_ns: int) -> list[list[_Stream]]:
        """Read all counters; return, per set of attributes, one stream per set of bounds."""
        reset = self._temporality is AggregationTemporality.DELTA
        grouped: dict[frozenset[tuple[str, Any]], dict[tuple[float, ...], _Stream]] = {}
        for stream in counter_registry.read(self._reader, now_ns, reset=reset):
            attributes, bounds, counts = stream
            streams = grouped.setdefault(frozenset(attributes.items()), {})
            if bounds in streams:
                streams[bounds][2].add(counts)
            else:
                streams[bounds] = stream
        return [list(streams.values()) for streams in grouped.values()]


def _duration_metric(
    streams: Iterable[_Stream], temporality: AggregationTemporality, now_ns: int
) -> list[Metric]:
    points = [
        HistogramDataPoint(
            attributes={**attributes, names.OUTCOME: str(outcome)},
            start_time_unix_nano=counts.since_ns,
            time_unix_nano=now_ns,
            count=distribution.count,
            sum=distribution.sum_ns / 1e9,
            bucket_counts=tuple(distribution.buckets),
            explicit_bounds=bounds,
            min=distribution.min_ns / 1e9,
            max=distribution.max_ns / 1e9,
        )
        for attributes, bounds, counts in streams
        for outcome, distribution in counts.by_outcome.items()
    ]
    return [Metric(*DURATION, Histogram(points, temporality))] if points else []


def _verdict_metric(
    streams: Iterable[_Stream], temporality: AggregationTemporality, now_ns: int
) -> list[Metric]:
    points = [
        NumberDataPoint(
            {**attributes, names.METRIC: str(metric), names.BUDGET_STATE: str(state)},
            counts.since_ns,
            now_ns,
            count,
        )
        for attributes, _, counts in streams
        for (metric, state), count in counts.verdicts.items()
    ]
    return [Metric(*VERDICTS, Sum(points, temporality, is_monotonic=True))] if points else []


def _without_ours(resource: ResourceMetrics) -> ResourceMetrics:
    """Return `resource` without the ordinary instruments of the metrics that are counted here."""
    # Where a provider has other readers too, both forms exist for the same calls, and a backend
    # would count each call twice.
    scopes = []
    for scope in resource.scope_metrics:
        if scope.scope.name != SCOPE:
            scopes.append(scope)
            continue
        metrics = [metric for metric in scope.metrics if metric.name not in _OURS]
        if metrics:
            scopes.append(ScopeMetrics(scope.scope, metrics, scope.schema_url))
    return ResourceMetrics(resource.resource, scopes, resource.schema_url)
