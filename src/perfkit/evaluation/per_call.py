"""Judge one measurement by one budget. Pure functions on plain data."""

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
"""The mark in `Measurement.slowed_by` of a call that gathers evidence."""
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

    A value equal to a bound is on its good side. A metric that was not measured, or that a profiler
    falsified, is `no_data`, with the reason. Limits over a window are left out.
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
    """Return the state of `value`, in the base unit of the limit's metric."""
    if not limit.holds_threshold(value):
        return State.VIOLATED
    return State.MET if limit.meets_target(value) else State.DEGRADED


def slowing_tools(budget: Budget, metric: Metric, measurement: Measurement) -> str:
    """Return the tools that falsify the value of `metric` in this measurement, or an empty text.

    In a call that gathers evidence no time is judged.
    """
    slowed_by = measurement.slowed_by
    if not slowed_by or metric not in _TIMES:
        return ""
    if EVIDENCE not in slowed_by:
        if metric is not Metric.DURATION:
            return ""
        # A budget that limits both traced memory and the duration would otherwise never judge the
        # duration: its duration includes the cost of tracing.
        if budget.metrics & {Metric.MEMORY_PEAK, Metric.MEMORY_NET}:
            slowed_by -= {TRACER}
    return ", ".join(sorted(slowed_by))


def is_cut_short(limit: Limit, measurement: Measurement, value: float) -> bool:
    """Return whether the call was cancelled before it could have violated `limit`."""
    # An upper limit that is exceeded stays exceeded, whatever the rest of the call would have done.
    could_grow = limit.direction is Direction.AT_MOST and limit.holds_threshold(value)
    return could_grow and measurement.outcome is Outcome.CANCELLED


def _why_unknown(budget: Budget, limit: Limit, measurement: Measurement, reading: Reading) -> str:
    """Return why `limit` cannot be judged from this measurement; empty if it can."""
    if reading.value is None:
        return reading.reason or NOT_MEASURED
    if slowed := slowing_tools(budget, limit.metric, measurement):
        return f"slowed down by {slowed}"
    return CANCELLED if is_cut_short(limit, measurement, reading.value) else ""


_NOTHING: Final = Reading(value=None)
