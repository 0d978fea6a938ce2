"""perfkit's rows for the process as a whole."""

from __future__ import annotations

import time
from itertools import repeat
from typing import Final

import perfkit
from benchmarks.measured import Setting
from benchmarks.subject import Case
from perfkit.catalog import parse_limits
from perfkit.evaluation.sliding_window import SUB_WINDOWS

PROCESS_BUDGETS: Final = 10
_INTERVAL_SECONDS: Final = 0.05
_LIMITS: Final = {
    perfkit.Metric.MEMORY_RSS: "64GB",
    perfkit.Metric.CPU_UTILIZATION: "64",
    perfkit.Metric.DISK_READ_RATE: "64GB/s",
    perfkit.Metric.DISK_WRITE_RATE: "64GB/s",
    perfkit.Metric.THREADS: "1000",
    perfkit.Metric.OPEN_FILES: "100000",
}


def budgets(window_seconds: float) -> list[perfkit.Budget]:
    """Return budgets for the process: every metric of a sample, over and over."""
    written = list(_LIMITS.items())
    return [
        perfkit.Budget(
            name=f"process_{number}",
            limits=parse_limits(metric, {"threshold": threshold, "window": window_seconds}),
        )
        for number in range(PROCESS_BUDGETS)
        for metric, threshold in [written[number % len(written)]]
    ]


def sampling() -> Case:
    """Take and judge one sample after the other."""
    setting = Setting(budgets(60.0), spans="never")

    def run(samples: int) -> None:
        with perfkit.monitor(interval=None) as monitor:
            for _ in repeat(None, samples):
                monitor.sample()

    return Case(run, setting.flush)


def ticking() -> Case:
    """Let the thread sample at an interval; the window is as many intervals as in real life."""
    Setting(budgets(SUB_WINDOWS * _INTERVAL_SECONDS), spans="never")

    def run(samples: int) -> None:
        with perfkit.monitor(interval=_INTERVAL_SECONDS):
            time.sleep(samples * _INTERVAL_SECONDS)

    return Case(run, fewest=20)
