"""Targets and thresholds in whole nanoseconds, to judge durations by comparing integers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from perfkit.model import Direction, Limit, Metric, Outcome, State, Statistic

LONGEST_NS: Final = 2**61
"""Longer than any call."""


def last_ns_within(seconds: float) -> int:
    """Return the most whole nanoseconds that, as seconds, are not above `seconds`."""
    # Rounding of the product may be off by one either way, and then a call of exactly the threshold
    # would be judged differently here and by `judge`.
    nanoseconds = int(seconds * 1e9)
    while nanoseconds / 1e9 > seconds:
        nanoseconds -= 1
    while (nanoseconds + 1) / 1e9 <= seconds:
        nanoseconds += 1
    return nanoseconds


def is_judged_by_duration(limit: Limit) -> bool:
    """Return whether the duration of a single call suffices to judge `limit`."""
    return (
        limit.metric is Metric.DURATION
        and limit.statistic is Statistic.EACH
        and limit.direction is Direction.AT_MOST
    )


@frozen
class ThresholdsNs:
    """Target and threshold of one or more limits on the duration of a call, in nanoseconds.

    Args:
        target_ns: The strictest target, or `LONGEST_NS`.
        threshold_ns: The strictest threshold, or `LONGEST_NS`.
        otherwise: The state of a call that keeps both: `met`, or `no_data` where there is a limit
            that a duration alone cannot judge; None without a limit on single calls.
    """

    target_ns: int
    threshold_ns: int
    otherwise: State | None

    def state_of(self, outcome: Outcome, elapsed_ns: int) -> State | None:
        """Return the worst state of the limits for one call, or None without limits."""
        if elapsed_ns > self.threshold_ns:
            return State.VIOLATED
        if self.otherwise is None:
            return None
        if outcome is Outcome.CANCELLED:
            return State.NO_DATA
        return State.DEGRADED if elapsed_ns > self.target_ns else self.otherwise


def thresholds_of(limits: Iterable[Limit]) -> ThresholdsNs:
    """Return the strictest target and threshold of the `limits` on single calls."""
    limits = tuple(limit for limit in limits if limit.statistic is Statistic.EACH)
    judged = [limit for limit in limits if is_judged_by_duration(limit)]
    otherwise = State.MET if judged else None
    if len(judged) < len(limits):
        otherwise = State.NO_DATA
    return ThresholdsNs(
        min((last_ns_within(limit.target) for limit in judged), default=LONGEST_NS),
        min((last_ns_within(limit.threshold) for limit in judged), default=LONGEST_NS),
        otherwise,
    )
