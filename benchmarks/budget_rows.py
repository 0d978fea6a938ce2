"""The rows for windows, probes, evidence and the monitor: what has to be reached stands here."""

from __future__ import annotations

from typing import Final

from benchmarks.row import Measure, Promise, Row

_WINDOWED: Final = (Promise("metrics", must=500.0, measure=Measure.EXTRA),)
_PROBED: Final = (Promise("metrics", measure=Measure.EXTRA),)
_ARMED: Final = (Promise("unarmed"),)

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
        "Likewise with limits on the calls a second and the share of errors of one minute.",
        _WINDOWED,
    ),
    Row(
        "concurrency",
        "perfkit: concurrency limit",
        "benchmarks.windowed:concurrency",
        "Likewise with a limit on how many calls run at once.",
        _WINDOWED,
    ),
    Row(
        "block_concurrency",
        "perfkit: budget() block, concurrency limit",
        "benchmarks.windowed:block_concurrency",
        "The same through `with budget(...)`.",
        (Promise("block", must=500.0, measure=Measure.EXTRA),),
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
        "perfkit: judging 40 budgets once a second",
        "benchmarks.windowed:judging",
        "What the ticker does for 40 budgets with a p95 limit, and one call of each.",
        (Promise("", aim=0.002, measure=Measure.CORE_SHARE),),
    ),
)
"""What is held over a window."""

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
        (Promise("cpu_time", aim=500.0, measure=Measure.EXTRA),),
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
        (Promise("building", measure=Measure.EXTRA),),
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
"""What needs more than the clock."""

EVIDENCE: Final = (
    Row(
        "children",
        'perfkit: evidence = "children"',
        "benchmarks.probed:children",
        "Metrics only, with an account of which budget a call is within.",
        _PROBED,
    ),
    Row(
        "beside_children",
        'perfkit: beside a budget with "children"',
        "benchmarks.probed:beside_children",
        "Metrics only, where the catalog has another budget that asks for such an account.",
        _PROBED,
    ),
    Row(
        "violated_with_evidence",
        "perfkit: violated call, evidence asked for",
        "benchmarks.probed:violated_with_evidence",
        "The violated call again; one call gathers evidence, which goes onto all after it.",
        (Promise("violated"),),
    ),
    Row(
        "unarmed",
        "a call of 10 ms, not armed",
        "benchmarks.probed:unarmed",
        "Metrics only, around 10 ms of making records; its budget asks for evidence.",
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
"""What explains a violation."""

_MONITOR: Final = (Promise("", must=0.002, measure=Measure.CORE_SHARE),)

PROCESS: Final = (
    Row(
        "sampling",
        "monitor: one sample, 10 budgets",
        "benchmarks.watched:sampling",
        "`Monitor.sample()`, over and over; one export a round.",
        _MONITOR,
    ),
    Row(
        "ticking",
        "monitor: its thread, 10 budgets",
        "benchmarks.watched:ticking",
        "The thread samples at 50 ms for a second; all that the process does, without export.",
        _MONITOR,
    ),
)
"""The process as a whole."""
