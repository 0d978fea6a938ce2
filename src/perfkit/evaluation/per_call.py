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
from perfkit.units import Unit, format_quantity

NOT_MEASURED: Final = "not measured at this place"
CANCELLED: Final = "cancelled before it ended"
_TRACER: Final = "tracemalloc"


def judge(budget: Budget, measurement: Measurement) -> tuple[Verdict, ...]:
    """Return one verdict for each limit of `budget`, in its order.

    A value on the line is on its good side. What was not measured, what a profiler slowed down,
    and what a single call cannot show are `no_data`, with the reason.
    """
    return tuple(_judge_limit(budget, limit, measurement) for limit in budget.limits)


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


def _why_unknown(budget: Budget, limit: Limit, measurement: Measurement, reading: Reading) -> str:
    """Return why `limit` cannot be judged from this measurement; empty if it can."""
    if limit.statistic is not Statistic.EACH:
        return f"{limit.statistic} over {_window(limit)} cannot be judged from one call"
    if reading.value is None:
        return reading.reason or NOT_MEASURED
    if limit.metric is Metric.DURATION and (slowed := _uninvited(budget, measurement)):
        return f"slowed down by {', '.join(sorted(slowed))}"
    if measurement.outcome is Outcome.CANCELLED and _could_still_grow(limit, reading.value):
        return CANCELLED
    return ""


def _uninvited(budget: Budget, measurement: Measurement) -> frozenset[str]:
    """Return what slowed the call down without the budget itself asking for it.

    A budget that limits the traced memory as well as the duration wants both of the same call;
    its duration then includes the tracer's cost.
    """
    invited = {_TRACER} if Metric.MEMORY_PEAK in budget.metrics else frozenset[str]()
    return measurement.slowed_by - invited


def _could_still_grow(limit: Limit, value: float) -> bool:
    """Tell whether a call that was cut short might yet have broken `limit`."""
    return limit.direction is Direction.AT_MOST and limit.holds_threshold(value)


def _window(limit: Limit) -> str:
    return format_quantity(limit.window or 0.0, Unit.SECONDS)


_NOTHING: Final = Reading(value=None)
