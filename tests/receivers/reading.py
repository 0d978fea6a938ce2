"""Turn OTLP requests, as the receiver writes them down, into flat plain dicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_TEMPORALITY = {1: "delta", 2: "cumulative"}
_SHAPES = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def read_spans(request: Json) -> Iterator[Json]:
    """Yield each span of a trace request; ids in hex, times in ns, status without its prefix."""
    for origin, span in _flatten(request, "resourceSpans", "scopeSpans", "spans"):
        status = span.get("status", {})
        yield {
            "name": span["name"],
            "trace_id": span["traceId"],
            "span_id": span["spanId"],
            "parent_span_id": span.get("parentSpanId", ""),
            "kind": str(span.get("kind", "")).removeprefix("SPAN_KIND_"),
            "attributes": span.get("attributes", {}),
            "status": str(status.get("code", "UNSET")).removeprefix("STATUS_CODE_"),
            "status_message": status.get("message", ""),
            "start_ns": int(span["startTimeUnixNano"]),
            "end_ns": int(span["endTimeUnixNano"]),
            "events": span.get("events", []),
            **origin,
        }


def read_points(request: Json) -> Iterator[Json]:
    """Yield each data point of a metrics request, with the name, unit and type of its metric."""
    for origin, metric in _flatten(request, "resourceMetrics", "scopeMetrics", "metrics"):
        shape = next(shape for shape in _SHAPES if shape in metric)
        data = metric[shape]
        common = {
            "name": metric["name"],
            "unit": metric.get("unit", ""),
            "description": metric.get("description", ""),
            "type": shape,
            "temporality": _TEMPORALITY.get(data.get("aggregationTemporality")),
            "is_monotonic": data.get("isMonotonic", False),
            **origin,
        }
        for point in data.get("dataPoints", []):
            about = {
                "attributes": point.get("attributes", {}),
                "start_ns": int(point.get("startTimeUnixNano", 0)),
            }
            yield common | about | _values(shape, point)


def read_log_records(request: Json) -> Iterator[Json]:
    """Yield each record of a logs request; events have an event_name."""
    for origin, record in _flatten(request, "resourceLogs", "scopeLogs", "logRecords"):
        yield {
            "event_name": record.get("eventName", ""),
            "body": record.get("body"),
            "severity_number": record.get("severityNumber", 0),
            "severity_text": record.get("severityText", ""),
            "attributes": record.get("attributes", {}),
            "trace_id": record.get("traceId", ""),
            "span_id": record.get("spanId", ""),
            "time_ns": int(record.get("timeUnixNano", 0)),
            "observed_ns": int(record.get("observedTimeUnixNano", 0)),
            **origin,
        }


def _flatten(request: Json, resources: str, scopes: str, items: str) -> Iterator[tuple[Json, Json]]:
    for of_resource in request.get(resources, []):
        resource = of_resource.get("resource", {}).get("attributes", {})
        for of_scope in of_resource.get(scopes, []):
            scope = of_scope.get("scope", {})
            for item in of_scope.get(items, []):
                yield {"resource": resource, "scope": scope}, item


def _values(shape: str, point: Json) -> Json:
    if shape == "histogram":
        return {
            "count": int(point.get("count", 0)),
            "sum": point.get("sum", 0.0),
            "min": point.get("min"),
            "max": point.get("max"),
            "bucket_counts": [int(count) for count in point.get("bucketCounts", [])],
            "explicit_bounds": point.get("explicitBounds", []),
        }
    if "asInt" in point:
        return {"value": int(point["asInt"])}
    return {"value": point.get("asDouble", 0.0)}
