"""What came of a call: how it stands, whom that concerns, and the delivery to them."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from perfkit.errors import BudgetExceeded
from perfkit.evaluation import judge
from perfkit.model import (
    Measurement,
    Metric,
    Outcome,
    Reading,
    Severity,
    SpanIds,
    Verdict,
    Violation,
)
from perfkit.runtime import internal_errors
from perfkit.runtime.delivery import deliver, deliver_quietly, tell_of_unraised
from perfkit.runtime.plan import Plan


@frozen(eq=False)
class CallResult:
    """How a call went: what it cost, how that stands, and what is still to be delivered.

    `explained` is an earlier violation for which this call has gathered the evidence.
    """

    measurement: Measurement
    verdicts: tuple[Verdict, ...]
    violations: tuple[Violation, ...]
    explained: Violation | None = None


def deliver_result(plan: Plan, result: CallResult, error: BaseException | None) -> None:
    """Deliver what a call broke, and let the next call of its budget gather evidence.

    Raises:
        BudgetExceeded: If a raise sink was chosen, and `error` is None.
    """
    if result.violations:
        if plan.capture is not None:
            plan.capture.arm(result.violations[0])
        deliver(result.violations, plan.sinks_for, error, result.verdicts)
    if result.explained is not None:
        deliver_quietly((result.explained,), plan.sinks_for)


def deliver_late(plan: Plan, result: CallResult, error: BaseException | None) -> None:
    """Do the same for a call that has ended a while ago: there is nobody to raise at."""
    try:
        deliver_result(plan, result, error)
    except BudgetExceeded as exceeded:
        tell_of_unraised(exceeded)


def evaluate_duration(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: SpanIds | None = None
) -> CallResult:
    """Return how a call stands of which only the duration was measured, and which has ended now.

    Args:
        plan: What it was held to.
        elapsed_ns: Its duration.
        error: What the user's code raised; None if it returned.
        span: The span that stands for it; None means the one that is current.
    """
    measurement = Measurement(
        where=plan.where,
        started_ns=plan.settings.clock.time_ns() - elapsed_ns,
        readings={Metric.DURATION: Reading(value=elapsed_ns / 1e9)},
        outcome=outcome_of(error),
        error_type=name_of(error) if error is not None else "",
    )
    verdicts = judge(plan.budget, measurement)
    return CallResult(measurement, verdicts, violations_of(plan, measurement, verdicts, span))


def outcome_of(error: BaseException | None, *, in_items: bool = False) -> Outcome:
    """Tell how a call ended: what is no `Exception` (cancellation, Ctrl-C) came from outside.

    A generator that its consumer closes early has done what was wanted of it.
    """
    if error is None or (in_items and isinstance(error, GeneratorExit)):
        return Outcome.OK
    return Outcome.ERROR if isinstance(error, Exception) else Outcome.CANCELLED


def name_of(error: BaseException) -> str:
    """Return the qualified name of an exception's class."""
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def violations_of(
    plan: Plan, measurement: Measurement, verdicts: Sequence[Verdict], span: SpanIds | None
) -> tuple[Violation, ...]:
    """Return what somebody must hear of.

    Args:
        plan: Says who hears of what.
        measurement: What the call cost.
        verdicts: How that stands.
        span: The span that stands for the call; None means the one that is current.
    """
    missed = [
        verdict
        for verdict in verdicts
        if verdict.severity is not None
        and (verdict.severity is not Severity.INFO or plan.settings.router.routes_missed_targets)
    ]
    if not missed:
        return ()
    at_ns = plan.settings.clock.time_ns()
    span = span or internal_errors.suppress("telemetry", plan.settings.telemetry.current_span)
    environment = plan.settings.environment
    violations = tuple(
        _violation(verdict, measurement, at_ns, span, environment) for verdict in missed
    )
    if plan.capture is None or plan.is_armed:
        return violations
    return plan.capture.explain(violations)


def _violation(
    verdict: Verdict,
    measurement: Measurement,
    at_ns: int,
    span: SpanIds | None,
    environment: str,
) -> Violation:
    assert verdict.value is not None  # noqa: S101 - a verdict with a severity always has a value
    assert verdict.severity is not None  # noqa: S101 - the caller chose those that have one
    return Violation(
        budget=verdict.budget,
        limit=verdict.limit,
        value=verdict.value,
        state=verdict.state,
        severity=verdict.severity,
        where=measurement.where,
        at_ns=at_ns,
        outcome=measurement.outcome,
        trace_id=span.trace_id if span else "",
        span_id=span.span_id if span else "",
        trace_flags=span.trace_flags if span else 0,
        contended=verdict.contended,
        evidence=measurement.evidence,
        environment=environment,
    )
