"""perfkit's rows for what needs more than the clock, and for what explains a violation."""

from __future__ import annotations

from itertools import repeat
from typing import Final

import perfkit
from benchmarks.measured import Setting, metrics_only, promise
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
_ALWAYS_BROKEN: Final = (1e-9, 1e-9)
EVIDENCE: Final = ("cpu", "memory", "stack")


def probing(metric: perfkit.Metric, threshold: str) -> Setting:
    """Hold each call to a limit of one more metric; nothing is left out for its cost."""
    limits = parse_limits(metric, {"threshold": threshold, "statistic": "each"})
    return Setting([promise(BUDGET, *_BOTH, *limits)], spans="never", max_overhead="100%")


def collector() -> Case:
    """Take the pauses of the garbage collector apart: every probed call does."""
    return metrics_only(probing(perfkit.Metric.GC_TIME, "1s"))


def cpu_time() -> Case:
    """Read the CPU time of the thread."""
    return metrics_only(probing(perfkit.Metric.CPU_TIME, "1s"))


def cpu_percentile() -> Case:
    """Read it, and judge its percentile over a window too."""
    limits = [
        limit
        for rest in ({"statistic": "each"}, {"statistic": "p95", "window": "1m"})
        for limit in parse_limits(perfkit.Metric.CPU_TIME, {"threshold": "1s", **rest})
    ]
    return metrics_only(Setting([promise(BUDGET, *_BOTH, *limits)], spans="never"))


def process_memory() -> Case:
    """Read the resident memory of the process, before and after."""
    return metrics_only(probing(perfkit.Metric.MEMORY_GROWTH, "64GB"))


def disk() -> Case:
    """Read what was written to disk, before and after."""
    return metrics_only(probing(perfkit.Metric.DISK_WRITE_RATE, "64GB/s"))


def counts() -> Case:
    """Count the threads and open files of the process."""
    return metrics_only(probing(perfkit.Metric.OPEN_FILES, "100000"))


def building() -> Case:
    """Measure the duration only, of what allocates a little."""
    setting = Setting(spans="never")
    return Case(calls_of(perfkit.timed(BUDGET)(build)), setting.flush)


def heap() -> Case:
    """Trace the heap of what allocates a little."""
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
    """Keep account of which budget a call is within."""
    return metrics_only(Setting([promise(BUDGET, evidence=("children",))], spans="never"))


def beside_children() -> Case:
    """Tell such an account what a call of another budget took."""
    other = promise(f"{BUDGET}_outer", evidence=("children",))
    return metrics_only(Setting([promise(BUDGET), other], spans="never"))


def unarmed() -> Case:
    """Measure the duration only, of a call that takes 10 ms."""
    setting = Setting([promise(BUDGET, evidence=EVIDENCE)], spans="never")
    measured = perfkit.timed(BUDGET)(work)

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            measured(TEN_MILLISECONDS)

    return Case(run, setting.flush, fewest=2)


def armed_cpu() -> Case:
    """Gather the top functions of a call that takes 10 ms."""
    return armed("cpu")


def armed_memory() -> Case:
    """Gather the top allocations of a call that takes 10 ms."""
    return armed("memory")


def armed_stack() -> Case:
    """Gather the stacks of a call that takes 10 ms."""
    return armed("stack")


def armed(kind: str) -> Case:
    """Gather evidence in each call that takes 10 ms.

    A call that does nothing breaks the budget before each of them, to arm it.
    """
    budget = promise(BUDGET, *_ALWAYS_BROKEN, evidence=(kind,))
    setting = Setting([budget], spans="never", evidence_interval=0, max_overhead="100%")
    measured = perfkit.timed(BUDGET)(work)

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            measured(0)
            measured(TEN_MILLISECONDS)

    return Case(run, setting.flush, fewest=2)


def violated_with_evidence() -> Case:
    """Break the budget at each call; the second one gathers evidence for all others."""
    budget = promise(BUDGET, *_ALWAYS_BROKEN, evidence=EVIDENCE)
    return metrics_only(Setting([budget], spans="never", max_overhead="100%"))
