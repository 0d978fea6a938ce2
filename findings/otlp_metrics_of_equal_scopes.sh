#!/usr/bin/env bash
# opentelemetry-exporter-otlp-proto-common 1.45.2: the OTLP encoder keeps only the last of several
# ScopeMetrics with equal scopes.
#
# A MetricsData may list several ScopeMetrics in one ResourceMetrics. If two of them have equal
# instrumentation scopes (same name, version, schema URL and attributes), encode_metrics builds a
# dictionary by scope and overwrites the first entry: its metrics are not in the request, without an
# error or a log record. The protocol itself allows repeated scopes, and the trace encoder of the
# same package merges spans of equal scopes.
#
# An exporter wrapper that adds metrics to those of the SDK has to add them to the existing
# ScopeMetrics of its scope.
#
# Output seen:
#   in the data: ['first', 'second']
#   in the request: ['second']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-common==1.45.2
"$folder/venv/bin/python" - <<'PYTHON'
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope


def scope_metrics(name):
    point = NumberDataPoint({}, start_time_unix_nano=1, time_unix_nano=2, value=1)
    data = Sum([point], AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return ScopeMetrics(InstrumentationScope("app", "1.0"), [Metric(name, "", "1", data)], "")


data = MetricsData([ResourceMetrics(Resource({}), list(map(scope_metrics, ["first", "second"])), "")])
listed = [m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
request = encode_metrics(data)
encoded = [m.name for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics]
print("in the data:", listed)
print("in the request:", encoded)
assert (listed, encoded) == (["first", "second"], ["second"]), "the behaviour has changed"
PYTHON
