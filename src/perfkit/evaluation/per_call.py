"""One measurement against one budget. Pure functions on plain data."""

from __future__ import annotations

from typing import Final

from perfkit.model import (
    Budget,
    Direction,
    Limit,
    Measurement,
    Metric,
    Outcome,
    Reading,
    State,
    Statistic,
    Verdict,
)

NOT_MEASURED: Final = "not measured at this place"
CANCELLED: Final = "cancelled before it ended"
EVIDENCE: Final = "evidence"
"""What slows a call down that gathers evidence for a violation before it."""
TRACER: Final = "tracemalloc"
_TIMES: Final = frozenset(
    {
        Metric.DURATION,
        Metric.FIRST_ITEM,
        Metric.CPU_TIME,
        Metric.PROCESS_CPU_TIME,
        Metric.CPU_UTILIZATION,
        Metric.GC_TIME,
    }
)


def judge(budget: Budget, measurement: Measurement) -> tuple[Verdict, ...]:
    """Return one verdict for each limit of `budget` on a single call, in its order.

    A value on the line is on its good side. What was not measured and what a profiler slowed down
    is `no_data`, with the reason. Limits over a window are judged there.
    """
    return tuple(
        _judge_limit(budget, limit, measurement)
        for limit in budget.limits
        if limit.statistic is Statistic.EACH
    )


def _judge_limit(budget: Budget, limit: Limit, measurement: Measurement) -> Verdict:
    reading = measurement.readings.get(limit.metric, _NOTHING)
    reason = _why_unknown(budget, limit, measurement, reading)
    if reason or reading.value is None:
        return Verdict(budget=budget, limit=limit, value=None, state=State.NO_DATA, reason=reason)
    return Verdict(
        budget=budget,
        limit=limit,
        value=reading.value,
        state=state_of(limit, reading.value),
        contended=reading.contended,
        reason=reading.reason,
    )


def state_of(limit: Limit, value: float) -> State:
    """Return how `value`, in the base unit of the limit's metric, stands against `limit`."""
    if not limit.holds_threshold(value):
        return State.VIOLATED
    return State.MET if limit.meets_target(value) else State.DEGRADED


def what_slowed(budget: Budget, metric: Metric, measurement: Measurement) -> str:
    """Return what makes the value of `metric` untrue in this measurement; empty if nothing does.

    A budget that limits the traced memory as well as the duration wants both of the same call;
    its duration then includes the tracer's cost. A call that gathers evidence is out of all
    judging of time.
    """
    slowed_by = measurement.slowed_by
    if not slowed_by or metric not in _TIMES:
        return ""
    if EVIDENCE not in slowed_by:
        if metric is not Metric.DURATION:
            return ""
        if budget.metrics & {Metric.MEMORY_PEAK, Metric.MEMORY_NET}:
            slowed_by -= {TRACER}
    return ", ".join(sorted(slowed_by))


def is_cut_short(limit: Limit, measurement: Measurement, value: float) -> bool:
    """Tell whether the call was cancelled before it could have broken `limit`."""
    return measurement.outcome is Outcome.CANCELLED and _could_still_grow(limit, value)


def _why_unknown(budget: Budget, limit: Limit, measurement: Measurement, reading: Reading) -> str:
    """Return why `limit` cannot be judged from this measurement; empty if it can."""
    if reading.value is None:
        return reading.reason or NOT_MEASURED
    if slowed := what_slowed(budget, limit.metric, measurement):
        return f"slowed down by {slowed}"
    return CANCELLED if is_cut_short(limit, measurement, reading.value) else ""


def _could_still_grow(limit: Limit, value: float) -> bool:
    """Tell whether a call that was cut short might yet have broken `limit`."""
    return limit.direction is Direction.AT_MOST and limit.holds_threshold(value)


_NOTHING: Final = Reading(value=None)
