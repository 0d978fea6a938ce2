"""The rows with probes and evidence."""

from __future__ import annotations

from itertools import repeat
from typing import Final

import perfkit
from benchmarks.measured import Setting, make_budget, metrics_only
from benchmarks.subject import (
    BUDGET,
    TARGET_SECONDS,
    TEN_MILLISECONDS,
    THRESHOLD_SECONDS,
    Case,
    build,
    calls_of,
    handle,
    work,
)
from perfkit.catalog import parse_limits
from perfkit.instruments.options import EntryPoint, callsite_options_of
from perfkit.instruments.wrapping import wrap

_BOTH: Final = (TARGET_SECONDS, THRESHOLD_SECONDS)
_ALWAYS_VIOLATED: Final = (1e-9, 1e-9)
EVIDENCE: Final = ("cpu", "memory", "stack")


def probing(metric: perfkit.Metric, threshold: str) -> Setting:
    """Add a limit of `metric` to each call, without an overhead limit."""
    limits = parse_limits(metric, {"threshold": threshold, "statistic": "each"})
    return Setting([make_budget(BUDGET, *_BOTH, *limits)], spans="never", max_overhead="100%")


def collector() -> Case:
    """Read the pauses of the garbage collector, as every probed call does."""
    return metrics_only(probing(perfkit.Metric.GC_TIME, "1s"))


def cpu_time() -> Case:
    """Read the CPU time of the thread."""
    return metrics_only(probing(perfkit.Metric.CPU_TIME, "1s"))


def cpu_percentile() -> Case:
    """Read the CPU time of the thread, and evaluate its percentile over a window too."""
    limits = [
        limit
        for statistic in ({"statistic": "each"}, {"statistic": "p95", "window": "1m"})
        for limit in parse_limits(perfkit.Metric.CPU_TIME, {"threshold": "1s", **statistic})
    ]
    return metrics_only(Setting([make_budget(BUDGET, *_BOTH, *limits)], spans="never"))


def process_memory() -> Case:
    """Read the resident memory of the process, before and after."""
    return metrics_only(probing(perfkit.Metric.MEMORY_GROWTH, "64GB"))


def disk() -> Case:
    """Read the number of bytes written to disk, before and after."""
    return metrics_only(probing(perfkit.Metric.DISK_WRITE_RATE, "64GB/s"))


def counts() -> Case:
    """Count the threads and open files of the process."""
    return metrics_only(probing(perfkit.Metric.OPEN_FILES, "100000"))


def building() -> Case:
    """Measure only the duration of a call that allocates."""
    setting = Setting(spans="never")
    return Case(calls_of(perfkit.timed(BUDGET)(build)), setting.flush)


def heap() -> Case:
    """Trace the heap in a call that allocates."""
    setting = probing(perfkit.Metric.MEMORY_PEAK, "64GB")
    return Case(calls_of(perfkit.timed(BUDGET)(build)), setting.flush)


def profile() -> Case:
    """Profile each call."""
    setting = Setting(spans="never", max_overhead="100%")
    return Case(calls_of(perfkit.cpu_profiled(BUDGET)(handle)), setting.flush)


def stack() -> Case:
    """Sample the stack of each call."""
    setting = Setting(spans="never", max_overhead="100%")
    request = callsite_options_of(
        EntryPoint("budget", perfkit.Metric.DURATION, explain=frozenset({"stack"})), BUDGET, {}
    )
    return Case(calls_of(wrap(handle, request)), setting.flush)


def children() -> Case:
    """Record the budgets of nested calls."""
    return metrics_only(Setting([make_budget(BUDGET, evidence=("children",))], spans="never"))


def beside_children() -> Case:
    """Measure calls of another budget while `children` evidence is active."""
    other = make_budget(f"{BUDGET}_outer", evidence=("children",))
    return metrics_only(Setting([make_budget(BUDGET), other], spans="never"))


def unarmed() -> Case:
    """Measure only the duration of a call of 10 ms."""
    setting = Setting([make_budget(BUDGET, evidence=EVIDENCE)], spans="never")
    measured = perfkit.timed(BUDGET)(work)

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            measured(TEN_MILLISECONDS)

    return Case(run, setting.flush, min_calls=2)


def armed_cpu() -> Case:
    """Collect the top functions of a call of 10 ms."""
    return armed("cpu")


def armed_memory() -> Case:
    """Collect the top allocations of a call of 10 ms."""
    return armed("memory")


def armed_stack() -> Case:
    """Collect the stacks of a call of 10 ms."""
    return armed("stack")


def armed(kind: str) -> Case:
    """Collect evidence in each call of 10 ms.

    Before each of these, a call that does nothing violates the budget, which arms the next call.
    """
    budget = make_budget(BUDGET, *_ALWAYS_VIOLATED, evidence=(kind,))
    setting = Setting([budget], spans="never", evidence_interval=0, max_overhead="100%")
    measured = perfkit.timed(BUDGET)(work)

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            measured(0)
            measured(TEN_MILLISECONDS)

    return Case(run, setting.flush, min_calls=2)


def violated_with_evidence() -> Case:
    """Violate the budget at each call; the second one collects evidence for all calls after it."""
    budget = make_budget(BUDGET, *_ALWAYS_VIOLATED, evidence=EVIDENCE)
    return metrics_only(Setting([budget], spans="never", max_overhead="100%"))
