"""The rows with limits over a window."""

from __future__ import annotations

from itertools import repeat
from typing import Any, Final

import perfkit
from benchmarks.measured import Setting, block, make_budget, metrics_only
from benchmarks.subject import BUDGET, TARGET_SECONDS, THRESHOLD_SECONDS, Case, handle
from perfkit.catalog import parse_limits
from perfkit.model import CodeLocation
from perfkit.runtime import window_registry
from perfkit.runtime.windows import BudgetWindows

EVALUATED_BUDGETS: Final = 40
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
    """Add limits on the 95th percentile of a minute."""
    return _with_limits(*_P95)


def rates_setting() -> Setting:
    """Add limits on the throughput and the share of errors of a minute."""
    return _with_limits(*_RATES)


def concurrency_setting() -> Setting:
    """Add a limit on the number of concurrent calls."""
    return _with_limits(*_CONCURRENCY)


def objective_setting() -> Setting:
    """Add an objective for the share of good calls of 30 days."""
    return _with_limits(objective=perfkit.Objective(ratio=0.999))


def percentile() -> Case:
    """Count and evaluate each call, and the percentile."""
    return metrics_only(percentile_setting())


def rates() -> Case:
    """Count and evaluate each call, the throughput and the share of errors."""
    return metrics_only(rates_setting())


def concurrency() -> Case:
    """Count and evaluate each call, and the number of concurrent calls."""
    return metrics_only(concurrency_setting())


def objective() -> Case:
    """Count and evaluate each call, and the burn rate of the error budget."""
    return metrics_only(objective_setting())


def block_concurrency() -> Case:
    """Do as `concurrency` for a block of code."""
    return block(concurrency_setting())


def evaluating() -> Case:
    """Evaluate the percentile of many budgets, as the background thread does once a second."""
    budgets = [
        make_budget(f"{BUDGET}_{number}", *_BOTH, *_P95) for number in range(EVALUATED_BUDGETS)
    ]
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

    return Case(run, setting.flush, min_calls=10)


def _with_limits(*limits: perfkit.Limit, **fields: Any) -> Setting:
    return Setting([make_budget(BUDGET, *_BOTH, *limits, **fields)], spans="never")


def _windows_of(budget: perfkit.Budget) -> BudgetWindows:
    found = window_registry.windows_for(
        budget, CodeLocation(function=budget.name), None, lambda _: (), None
    )
    assert found is not None  # noqa: S101 - it has a limit over a window
    return found
