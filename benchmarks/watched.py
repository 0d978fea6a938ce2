"""The rows with a monitor of the process."""

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
    """Return budgets for the process, which use the metrics of a sample in turn."""
    limits = list(_LIMITS.items())
    return [
        perfkit.Budget(
            name=f"process_{number}",
            limits=parse_limits(metric, {"threshold": threshold, "window": window_seconds}),
        )
        for number in range(PROCESS_BUDGETS)
        for metric, threshold in [limits[number % len(limits)]]
    ]


def sampling() -> Case:
    """Measure and evaluate samples in a loop."""
    setting = Setting(budgets(60.0), spans="never")

    def run(samples: int) -> None:
        with perfkit.monitor(interval=None) as monitor:
            for _ in repeat(None, samples):
                monitor.sample()

    return Case(run, setting.flush)


def ticking() -> Case:
    """Run the monitor's thread, with as many samples in a window as at the default interval."""
    Setting(budgets(SUB_WINDOWS * _INTERVAL_SECONDS), spans="never")

    def run(samples: int) -> None:
        with perfkit.monitor(interval=_INTERVAL_SECONDS):
            time.sleep(samples * _INTERVAL_SECONDS)

    return Case(run, min_calls=20)
