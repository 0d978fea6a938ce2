"""The rows for one call, one import and many calls: what has to be reached stands here."""

from __future__ import annotations

from typing import Final

from benchmarks.row import Kind, Measure, Promise, Row

CALLS: Final = (
    Row("bare", "bare call", "benchmarks.by_hand:bare", "Calls the function, nothing else."),
    Row(
        "pass_through",
        "pass-through closure",
        "benchmarks.by_hand:pass_through",
        "A `functools.wraps` closure that only passes the call on.",
        (Promise("bare"),),
    ),
    Row(
        "floor",
        "floor: closure, two clock reads",
        "benchmarks.by_hand:floor",
        "The same with `perf_counter_ns` before and after; the duration is thrown away.",
        (Promise("bare"),),
    ),
    Row(
        "prometheus",
        "prometheus_client Histogram.time()",
        "benchmarks.peers:prometheus",
        "The decorator of a histogram with the default buckets; one scrape at the end.",
        (Promise("floor"),),
        needs="prometheus_client",
    ),
    Row(
        "otel_metrics",
        "OpenTelemetry metrics by hand",
        "benchmarks.by_hand:opentelemetry_metrics",
        "Clock, comparison with the limits, one histogram and one counter; periodic reader.",
        (Promise("floor"),),
    ),
    Row(
        "otel",
        "OpenTelemetry by hand",
        "benchmarks.by_hand:opentelemetry",
        "The same within a span that has perfkit's attributes; batch span processor.",
        (Promise("floor"),),
    ),
    Row(
        "logfire",
        "logfire.instrument",
        "benchmarks.peers:logfire",
        "The decorator as it is by default (it records arguments); batch span processor.",
        (Promise("otel"),),
        needs="logfire",
    ),
    Row(
        "ddtrace",
        "ddtrace tracer.wrap",
        "benchmarks.peers:ddtrace",
        "The decorator; a trace filter drops each finished trace, so nothing is sent.",
        (Promise("otel"),),
        needs="ddtrace",
    ),
    Row(
        "off",
        "perfkit: off",
        "benchmarks.measured:off",
        "`@timed` under `perfkit.configure(enabled=False)`.",
        (Promise("pass_through", must=1.6, aim=1.2),),
    ),
    Row(
        "metrics",
        "perfkit: metrics only",
        "benchmarks.measured:metrics_only",
        '`@timed`, `spans="never"`, and `metric_exporter` in a periodic reader.',
        (
            Promise("otel_metrics", must=0.06),
            Promise("prometheus", must=0.5),
            Promise("floor", aim=2.0),
        ),
    ),
    Row(
        "no_provider",
        "perfkit: no provider set",
        "benchmarks.measured:no_provider",
        "`@timed` as it is by default, where the application has set no OpenTelemetry provider.",
        (Promise("metrics", must=1.05),),
    ),
    Row(
        "block",
        "perfkit: budget() block, metrics only",
        "benchmarks.measured:block",
        'The same through `with budget("handle"):` around the call.',
        (Promise("metrics", must=1.3, aim=1.0),),
    ),
    Row(
        "coroutine",
        "perfkit: coroutine function, metrics only",
        "benchmarks.measured:coroutine",
        "`@timed` on a coroutine function, awaited in one event loop.",
        (Promise("otel_metrics", must=0.10),),
    ),
    Row(
        "spans",
        "perfkit: spans + metrics",
        "benchmarks.measured:spans_and_metrics",
        "`@timed` as it is by default: a span, the metrics, the verdict.",
        (Promise("otel", must=0.30, aim=0.12),),
    ),
    Row(
        "plain",
        "perfkit: spans + metrics, plain MeterProvider",
        "benchmarks.measured:plain_provider",
        "The same where the reader's exporter is not wrapped, so ordinary instruments are used.",
        (Promise("otel", must=0.75, aim=0.5),),
    ),
    Row(
        "violated",
        "perfkit: violated call, log sink",
        "benchmarks.measured:violated",
        "Metrics only, with a limit that every call breaks; the log has a null handler.",
        (Promise("otel"),),
    ),
)
"""One call by hand, with other libraries, and with perfkit."""

IMPORTS_AND_MEMORY: Final = (
    Row(
        "import_peers",
        "import opentelemetry.trace, attrs, wrapt",
        "import opentelemetry.trace, attrs, wrapt",
        "In a fresh process, the interpreter's own start left out.",
        kind=Kind.IMPORT,
    ),
    Row(
        "import_perfkit",
        "import perfkit",
        "import perfkit",
        "Likewise.",
        (Promise("import_peers", must=1.25, aim=1.1),),
        kind=Kind.IMPORT,
    ),
    Row(
        "memory_metrics",
        "perfkit: memory growth, metrics only",
        "benchmarks.memory:metrics_only",
        "How the resident set grows over 1,000,000 calls on 40 budgets, after a warm-up.",
        (Promise("", must=1.0, measure=Measure.GROWTH),),
        kind=Kind.MEMORY,
    ),
    Row(
        "memory_spans",
        "perfkit: memory growth, spans + metrics",
        "benchmarks.memory:spans_and_metrics",
        "Likewise with a span for each call.",
        (Promise("", must=1.0, measure=Measure.GROWTH),),
        kind=Kind.MEMORY,
    ),
)
