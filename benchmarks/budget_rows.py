"""The rows for windows, probes, evidence and the monitor, with their bounds and goals."""

from __future__ import annotations

from typing import Final

from benchmarks.row import Comparison, Measure, Row

_WINDOWED: Final = (Comparison("metrics", bound=500.0, measure=Measure.EXTRA),)
_PROBED: Final = (Comparison("metrics", measure=Measure.EXTRA),)
_ARMED: Final = (Comparison("unarmed"),)

WINDOWS: Final = (
    Row(
        "percentile",
        "perfkit: p95 limit over a window",
        "benchmarks.windowed:percentile",
        "Metrics only, with a limit on the p95 of one minute beside that on each call.",
        _WINDOWED,
    ),
    Row(
        "rates",
        "perfkit: throughput + error ratio limits",
        "benchmarks.windowed:rates",
        "Likewise with limits on the calls per second and the share of errors of one minute.",
        _WINDOWED,
    ),
    Row(
        "concurrency",
        "perfkit: concurrency limit",
        "benchmarks.windowed:concurrency",
        "Likewise with a limit on the number of concurrent calls.",
        _WINDOWED,
    ),
    Row(
        "block_concurrency",
        "perfkit: budget() block, concurrency limit",
        "benchmarks.windowed:block_concurrency",
        "The same through `with budget(...)`.",
        (Comparison("block", bound=500.0, measure=Measure.EXTRA),),
    ),
    Row(
        "objective",
        "perfkit: objective",
        "benchmarks.windowed:objective",
        "Metrics only, with an objective of 99.9 % of 30 days.",
        _WINDOWED,
    ),
    Row(
        "judging",
        "perfkit: evaluating 40 budgets once a second",
        "benchmarks.windowed:evaluating",
        "One evaluation of 40 budgets with a p95 limit, and one call of each.",
        (Comparison("", goal=0.002, measure=Measure.CORE_SHARE),),
    ),
)
"""Limits over a window."""

PROBES: Final = (
    Row(
        "collector",
        "probe: garbage collector",
        "benchmarks.probed:collector",
        "Metrics only, with a limit on `gc_time`; every probed call reads it.",
        _PROBED,
    ),
    Row(
        "cpu_time",
        "probe: CPU time",
        "benchmarks.probed:cpu_time",
        "Likewise on `cpu_time`.",
        _PROBED,
    ),
    Row(
        "cpu_percentile",
        "probe: CPU time, and its p95 over a window",
        "benchmarks.probed:cpu_percentile",
        "The same with a limit on the p95 of one minute too.",
        (Comparison("cpu_time", goal=500.0, measure=Measure.EXTRA),),
    ),
    Row(
        "process_memory",
        "probe: process memory",
        "benchmarks.probed:process_memory",
        "Metrics only, with a limit on `memory_growth`.",
        _PROBED,
    ),
    Row(
        "disk",
        "probe: disk",
        "benchmarks.probed:disk",
        "Likewise on `disk_write_rate`.",
        _PROBED,
    ),
    Row(
        "counts",
        "probe: threads and open files",
        "benchmarks.probed:counts",
        "Likewise on `open_files`.",
        _PROBED,
    ),
    Row(
        "building",
        "metrics only, a call that allocates",
        "benchmarks.probed:building",
        "Metrics only, around a function that makes 20 small lists.",
    ),
    Row(
        "heap",
        "probe: heap tracing, a call that allocates",
        "benchmarks.probed:heap",
        "The same with a limit on `memory_peak`.",
        (Comparison("building", measure=Measure.EXTRA),),
    ),
    Row(
        "profile",
        "probe: cProfile",
        "benchmarks.probed:profile",
        "`@cpu_profiled`: each call is profiled.",
        _PROBED,
    ),
    Row(
        "stack",
        "probe: stack sampling",
        "benchmarks.probed:stack",
        "The stack of each call is sampled, which starts and ends a thread.",
        _PROBED,
    ),
)
"""Metrics other than the duration."""

EVIDENCE: Final = (
    Row(
        "children",
        'perfkit: evidence = "children"',
        "benchmarks.probed:children",
        "Metrics only, with the budgets of nested calls recorded.",
        _PROBED,
    ),
    Row(
        "beside_children",
        'perfkit: beside a budget with "children"',
        "benchmarks.probed:beside_children",
        "Metrics only, where another budget of the catalog has that evidence.",
        _PROBED,
    ),
    Row(
        "violated_with_evidence",
        "perfkit: violated call, with evidence",
        "benchmarks.probed:violated_with_evidence",
        "The violated call; one call collects evidence for the violations of all calls after it.",
        (Comparison("violated"),),
    ),
    Row(
        "unarmed",
        "a call of 10 ms, not armed",
        "benchmarks.probed:unarmed",
        "Metrics only, around 10 ms of creating records; its budget has evidence.",
    ),
    Row(
        "armed_cpu",
        "a call of 10 ms, armed with cpu",
        "benchmarks.probed:armed_cpu",
        "The same under cProfile, after a violation that arms it.",
        _ARMED,
    ),
    Row(
        "armed_memory",
        "a call of 10 ms, armed with memory",
        "benchmarks.probed:armed_memory",
        "Likewise under tracemalloc.",
        _ARMED,
    ),
    Row(
        "armed_stack",
        "a call of 10 ms, armed with stack",
        "benchmarks.probed:armed_stack",
        "Likewise with its stack sampled.",
        _ARMED,
    ),
)
"""The evidence of a violation."""

_MONITOR: Final = (Comparison("", bound=0.002, measure=Measure.CORE_SHARE),)

PROCESS: Final = (
    Row(
        "sampling",
        "monitor: one sample, 10 budgets",
        "benchmarks.watched:sampling",
        "`Monitor.sample()` in a loop; one export per round.",
        _MONITOR,
    ),
    Row(
        "ticking",
        "monitor: its thread, 10 budgets",
        "benchmarks.watched:ticking",
        "The thread samples every 50 ms for a second in an idle process, without an export.",
        _MONITOR,
    ),
)
"""The process as a whole."""
