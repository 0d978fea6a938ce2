"""The rows for one call, one import and many calls, with their bounds and goals."""

from __future__ import annotations

from typing import Final

from benchmarks.row import Comparison, Kind, Measure, Row

CALLS: Final = (
    Row("bare", "bare call", "benchmarks.by_hand:bare", "Only calls the function."),
    Row(
        "pass_through",
        "pass-through closure",
        "benchmarks.by_hand:pass_through",
        "A `functools.wraps` closure that only calls the function.",
        (Comparison("bare"),),
    ),
    Row(
        "floor",
        "floor: closure, two clock reads",
        "benchmarks.by_hand:floor",
        "The same with `perf_counter_ns` before and after; the duration is discarded.",
        (Comparison("bare"),),
    ),
    Row(
        "prometheus",
        "prometheus_client Histogram.time()",
        "benchmarks.peers:prometheus",
        "The decorator of a histogram with the default buckets; one scrape at the end.",
        (Comparison("floor"),),
        needs="prometheus_client",
    ),
    Row(
        "otel_metrics",
        "OpenTelemetry metrics by hand",
        "benchmarks.by_hand:opentelemetry_metrics",
        "Clock, comparison with the limits, one histogram and one counter; periodic reader.",
        (Comparison("floor"),),
    ),
    Row(
        "otel",
        "OpenTelemetry by hand",
        "benchmarks.by_hand:opentelemetry",
        "The same within a span that has perfkit's attributes; batch span processor.",
        (Comparison("floor"),),
    ),
    Row(
        "logfire",
        "logfire.instrument",
        "benchmarks.peers:logfire",
        "The decorator with its defaults (it records arguments); batch span processor.",
        (Comparison("otel"),),
        needs="logfire",
    ),
    Row(
        "ddtrace",
        "ddtrace tracer.wrap",
        "benchmarks.peers:ddtrace",
        "The decorator; a trace filter drops each finished trace, so none is sent.",
        (Comparison("otel"),),
        needs="ddtrace",
    ),
    Row(
        "off",
        "perfkit: off",
        "benchmarks.measured:off",
        "`@timed` under `perfkit.configure(enabled=False)`.",
        (Comparison("pass_through", bound=1.6, goal=1.2),),
    ),
    Row(
        "metrics",
        "perfkit: metrics only",
        "benchmarks.measured:metrics_only",
        '`@timed`, `spans="never"`, and `metric_exporter` in a periodic reader.',
        (
            Comparison("otel_metrics", bound=0.06),
            Comparison("prometheus", bound=0.5),
            Comparison("floor", goal=2.0),
        ),
    ),
    Row(
        "no_provider",
        "perfkit: no provider set",
        "benchmarks.measured:no_provider",
        "`@timed` with its defaults, in an application without an OpenTelemetry provider.",
        (Comparison("metrics", bound=1.05),),
    ),
    Row(
        "block",
        "perfkit: budget() block, metrics only",
        "benchmarks.measured:block",
        'The same with `with budget("handle"):` around the call.',
        (Comparison("metrics", bound=1.3, goal=1.0),),
    ),
    Row(
        "coroutine",
        "perfkit: coroutine function, metrics only",
        "benchmarks.measured:coroutine",
        "`@timed` on a coroutine function, awaited in one event loop.",
        (Comparison("otel_metrics", bound=0.10),),
    ),
    Row(
        "spans",
        "perfkit: spans + metrics",
        "benchmarks.measured:spans_and_metrics",
        "`@timed` with its defaults: a span, the metrics, the verdict.",
        (Comparison("otel", bound=0.30, goal=0.12),),
    ),
    Row(
        "plain",
        "perfkit: spans + metrics, plain MeterProvider",
        "benchmarks.measured:plain_provider",
        "The same without `metric_exporter`, so the SDK's own instruments record.",
        (Comparison("otel", bound=0.75, goal=0.5),),
    ),
    Row(
        "violated",
        "perfkit: violated call, log sink",
        "benchmarks.measured:violated",
        "Metrics only, with a limit that every call violates; the log has a null handler.",
        (Comparison("otel"),),
    ),
)
"""One call by hand, with other libraries, and with perfkit."""

IMPORTS_AND_MEMORY: Final = (
    Row(
        "import_peers",
        "import opentelemetry.trace, attrs, wrapt",
        "import opentelemetry.trace, attrs, wrapt",
        "In a new process, without the start of the interpreter.",
        kind=Kind.IMPORT,
    ),
    Row(
        "import_perfkit",
        "import perfkit",
        "import perfkit",
        "Likewise.",
        (Comparison("import_peers", bound=1.25, goal=1.1),),
        kind=Kind.IMPORT,
    ),
    Row(
        "memory_metrics",
        "perfkit: memory growth, metrics only",
        "benchmarks.memory:metrics_only",
        "The growth of the resident set size over 1,000,000 calls of 40 budgets, after a warm-up.",
        (Comparison("", bound=1.0, measure=Measure.GROWTH),),
        kind=Kind.MEMORY,
    ),
    Row(
        "memory_spans",
        "perfkit: memory growth, spans + metrics",
        "benchmarks.memory:spans_and_metrics",
        "Likewise with a span for each call.",
        (Comparison("", bound=1.0, measure=Measure.GROWTH),),
        kind=Kind.MEMORY,
    ),
)
