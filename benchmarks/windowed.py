"""perfkit's rows for what is held over a window."""

from __future__ import annotations

from itertools import repeat
from typing import Any, Final

import perfkit
from benchmarks.measured import Setting, block, metrics_only, promise
from benchmarks.subject import BUDGET, TARGET_SECONDS, THRESHOLD_SECONDS, Case, handle
from perfkit.catalog import parse_limits
from perfkit.model import CodeLocation
from perfkit.runtime import window_registry
from perfkit.runtime.windows import BudgetWindows

JUDGED_BUDGETS: Final = 40
_BOTH: Final = (TARGET_SECONDS, THRESHOLD_SECONDS)
_P95: Final = parse_limits(
    perfkit.Metric.DURATION,
    {"target": TARGET_SECONDS, "threshold": THRESHOLD_SECONDS, "statistic": "p95", "window": "1m"},
)
_RATES: Final = (
    *parse_limits(perfkit.Metric.THROUGHPUT, {"threshold": "> 1 req/sec", "window": "1m"}),
    *parse_limits(perfkit.Metric.ERROR_RATIO, {"threshold": "< 1%", "window": "1m"}),
)
_CONCURRENCY: Final = parse_limits(
    perfkit.Metric.CONCURRENCY, {"threshold": "< 10", "window": "1m"}
)


def percentile_setting() -> Setting:
    """Hold the 95th percentile of a minute to limits too."""
    return _holding(*_P95)


def rates_setting() -> Setting:
    """Hold throughput and the share of errors in a minute to limits too."""
    return _holding(*_RATES)


def concurrency_setting() -> Setting:
    """Hold how many calls run at once to a limit too."""
    return _holding(*_CONCURRENCY)


def objective_setting() -> Setting:
    """Hold the share of good calls of 30 days to an objective too."""
    return _holding(objective=perfkit.Objective(ratio=0.999))


def percentile() -> Case:
    """Count, judge each call, and the percentile."""
    return metrics_only(percentile_setting())


def rates() -> Case:
    """Count, judge each call, throughput and errors."""
    return metrics_only(rates_setting())


def concurrency() -> Case:
    """Count, judge each call, and how many run at once."""
    return metrics_only(concurrency_setting())


def objective() -> Case:
    """Count, judge each call, and how fast the error budget is spent."""
    return metrics_only(objective_setting())


def block_concurrency() -> Case:
    """Do as `concurrency` for a block of code."""
    return block(concurrency_setting())


def judging() -> Case:
    """Judge the percentile of many budgets, as the ticker does once a second."""
    budgets = [promise(f"{BUDGET}_{number}", *_BOTH, *_P95) for number in range(JUDGED_BUDGETS)]
    setting = Setting(budgets, spans="never")
    calls = [perfkit.timed(budget.name)(handle) for budget in budgets]

    def call_each() -> None:
        for called in calls:
            called("user", "key", limit=20)

    call_each()
    windows = [_windows_of(budget) for budget in budgets]

    def run(ticks: int) -> None:
        for _ in repeat(None, ticks):
            call_each()
            for each in windows:
                each.judge()

    return Case(run, setting.flush, fewest=10)


def _holding(*limits: perfkit.Limit, **further: Any) -> Setting:
    return Setting([promise(BUDGET, *_BOTH, *limits, **further)], spans="never")


def _windows_of(budget: perfkit.Budget) -> BudgetWindows:
    found = window_registry.windows_for(
        budget, CodeLocation(function=budget.name), None, lambda _: (), None
    )
    assert found is not None  # noqa: S101 - it has a limit over a window
    return found
