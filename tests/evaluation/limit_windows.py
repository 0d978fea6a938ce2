"""What the tests of windows share."""

from __future__ import annotations

from typing import Any

from perfkit.evaluation.windowed import LimitWindow
from perfkit.model import Budget, Direction, Limit, Metric, Statistic, Verdict

SECOND = 10**9
MINUTE = 60 * SECOND
_BUDGET = Budget(name="load")


def make_limit(
    metric: Metric = Metric.DURATION,
    statistic: Statistic = Statistic.P95,
    target: float = 0.1,
    threshold: float = 0.3,
    **parts: Any,
) -> Limit:
    is_at_least = target > threshold or metric is Metric.THROUGHPUT
    return Limit(
        metric=metric,
        target=target,
        threshold=threshold,
        direction=Direction.AT_LEAST if is_at_least else Direction.AT_MOST,
        statistic=statistic,
        window=None if statistic is Statistic.EACH else parts.pop("window", 60.0),
        **parts,
    )


def judged(window: LimitWindow, now_ns: int) -> Verdict:
    """Return the verdict, which agrees with the state and names the budget and the limit."""
    verdict = window.judge(_BUDGET, now_ns)
    assert verdict.state is window.state(now_ns)
    assert (verdict.budget, verdict.limit) == (_BUDGET, window.limit)
    return verdict
