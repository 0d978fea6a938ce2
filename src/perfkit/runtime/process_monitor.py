"""Sample the whole process at an interval, and evaluate the samples against budgets."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, Self

from attrs import evolve

from perfkit.model import Budget, Metric
from perfkit.probes.process import ProcessSampler, ProcessTotals
from perfkit.reentrancy import Lock, busy
from perfkit.runtime import internal_errors, settings, window_registry
from perfkit.runtime.scheduler import PeriodicTask, scheduler
from perfkit.runtime.settings import Settings
from perfkit.runtime.state import state
from perfkit.runtime.windows import BudgetWindows

PROCESS_METRICS: Final = frozenset(
    {
        Metric.MEMORY_RSS,
        Metric.CPU_UTILIZATION,
        Metric.DISK_READ_RATE,
        Metric.DISK_WRITE_RATE,
        Metric.THREADS,
        Metric.OPEN_FILES,
    }
)
"""The metrics of a process sample."""


class Monitor:
    """Samples the process from `start` to `stop`, or within a ``with`` block.

    Made by `perfkit.monitor`. Safe from any thread; continues in the child after a fork.

    Args:
        names: Names of budgets, or globs of them; none means every budget of the catalog that
            limits only metrics of a process sample.
        seconds: The interval; None means samples by `sample` only.
    """

    def __init__(self, names: Sequence[str], seconds: float | None) -> None:
        self._names = tuple(names)
        self._seconds = seconds
        self._sampler: ProcessSampler | None = None
        self._windows: list[BudgetWindows] = []
        self._chosen_for: object = None
        self._job: PeriodicTask | None = None
        self._lock = Lock()
        self._pid = os.getpid()

    def start(self) -> None:
        """Sample now and at each interval. CPU and disk have readings from the second sample on.

        Raises:
            UnknownBudgetError: If a name is in no budget, and ``unknown_budgets`` is ``"raise"``.
        """
        if self._sampler is not None:
            return
        self._renew()
        self._sampler = ProcessSampler()
        _running.append(self)
        self.sample()
        if self._seconds is not None:
            self._job = scheduler.every(self._seconds, self.sample, "monitor")

    def stop(self) -> None:
        """Stop sampling, and drop the windows of the process."""
        if self._sampler is None:
            return
        if self._job is not None:
            scheduler.cancel(self._job)
        # A running sample ends first: it uses the sampler and the windows.
        with busy, self._lock:
            self._sampler = self._job = None
            for windows in self._windows:
                window_registry.drop(windows)
            self._windows, self._chosen_for = [], None
            if self in _running:
                _running.remove(self)

    def sample(self) -> None:
        """Take one sample now, and judge it. For tests, and where there is no interval."""
        # Not `register_after_fork`: in a child the scheduler may sample before all else is reset.
        if self._pid != os.getpid():
            self._pid, self._lock, self._chosen_for = os.getpid(), Lock(), None
        with busy, self._lock:
            if self._sampler is None:
                return
            began_ns = time.thread_time_ns()
            if self._chosen_for != state.generation:
                internal_errors.suppress("monitor", self._renew)
            readings = self._sampler.sample(time.perf_counter_ns())
            for windows in self._windows:
                windows.add_sample(readings)
                windows.judge()
            settings.current().overhead_limit.spend(time.thread_time_ns() - began_ns)

    def totals(self) -> ProcessTotals | None:
        """Return the counters of the process; None while the monitor is stopped."""
        return None if self._sampler is None else self._sampler.totals()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def _renew(self) -> None:
        self._chosen_for, now = state.generation, settings.current()
        before = self._windows
        chosen = _choose(self._names, now) if now.is_enabled else ()
        self._windows = [window_registry.windows_of_process(budget, self) for budget in chosen]
        for windows in before:
            if windows not in self._windows:
                window_registry.drop(windows)
        now.telemetry.observe_process(current_totals)


_running: Final[list[Monitor]] = []


def current_totals() -> ProcessTotals | None:
    """Return the counters of the process from a running monitor; None without one."""
    for monitor in tuple(_running):
        if (totals := monitor.totals()) is not None:
            return totals
    return None


def _choose(names: Sequence[str], now: Settings) -> tuple[Budget, ...]:
    """Return the budgets of the process, reduced to limits on metrics of a process sample."""
    budgets = now.catalog.budgets
    if not names:
        chosen = tuple(each for each in budgets if each.limits and each.metrics <= PROCESS_METRICS)
        if not chosen:
            internal_errors.warn_once(
                "monitor", "perfkit: no budget is of the process alone; name some"
            )
        return chosen
    for name in names:
        if not any(fnmatchcase(budget.name, name) for budget in budgets):
            settings.complain_of(name, now)
    named = [each for each in budgets if any(fnmatchcase(each.name, name) for name in names)]
    for budget in named:
        if not budget.metrics & PROCESS_METRICS:
            text = "perfkit: budget %r limits nothing that a process is sampled for; it limits %s"
            limits = ", ".join(sorted(budget.metrics)) or "nothing"
            internal_errors.warn_once(("monitor", budget.name), text, budget.name, limits)
    return tuple(
        evolve(
            budget,
            limits=[limit for limit in budget.limits if limit.metric in PROCESS_METRICS],
            objective=None,
        )
        for budget in named
    )
