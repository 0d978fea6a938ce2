"""The journey of a call, from its start to its verdicts and sinks. It runs one way.

`begin` -> the user's code -> `finish`; a call that suspends has `suspend` and `resume` around each
step. Nothing here raises into the application, but for what a raise sink was chosen for.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from perfkit.evaluation import judge
from perfkit.model import (
    Evidence,
    Measurement,
    Metric,
    Observation,
    Outcome,
    Probe,
    ProbeSession,
    Reading,
    Severity,
    SpanIds,
    Verdict,
    Violation,
)
from perfkit.runtime import faults
from perfkit.runtime.delivery import deliver
from perfkit.runtime.plan import Plan


class Call:
    """One call in flight. Belongs to the call alone, so recursion and threads keep apart."""

    __slots__ = ("began_ns", "observations", "plan", "sessions", "started_ns")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started_ns = plan.settings.clock.time_ns()
        self.observations = _start_observers(plan, self.started_ns)
        self.sessions = [s for probe in plan.probes if (s := _open(probe)) is not None]
        self.began_ns = 0


@frozen
class Finished:
    """How a call went: what it cost, how that stands, and what is still to be delivered."""

    measurement: Measurement
    verdicts: tuple[Verdict, ...]
    violations: tuple[Violation, ...]


def begin(plan: Plan, *, in_steps: bool = False) -> Call:
    """Start observers, probes and clock, in this order.

    Args:
        plan: What to do.
        in_steps: The caller will `resume` and `suspend` around each step of the code itself.
    """
    call = Call(plan)
    if not in_steps:
        resume(call)
    call.began_ns = plan.settings.clock.monotonic_ns()
    return call


def resume(call: Call) -> None:
    """Let the probes measure: the user's code is about to run in this thread."""
    for session in call.sessions:
        faults.guarded("probe", session.resume)


def suspend(call: Call) -> None:
    """Stop the probes for now, in reverse: the user's code has stopped running."""
    for session in reversed(call.sessions):
        faults.guarded("probe", session.suspend)


def end(call: Call, error: BaseException | None, *, in_steps: bool = False) -> None:
    """Finish the call, then deliver what it broke.

    Args:
        call: What `begin` returned.
        error: What the user's code raised; None if it returned.
        in_steps: As it was for `begin`.

    Raises:
        BudgetExceeded: If a budget is broken and a raise sink was chosen, and `error` is None.
    """
    finished = finish(call, error, in_steps=in_steps)
    if finished.violations:
        deliver(finished.violations, call.plan.sinks_for, error)


def finish(call: Call, error: BaseException | None, *, in_steps: bool = False) -> Finished:
    """Stop clock and probes, judge, and stop the observers. Arguments are as for `end`."""
    plan = call.plan
    ended_ns = plan.settings.clock.monotonic_ns()
    if not in_steps:
        suspend(call)
    measurement = _measure(call, ended_ns - call.began_ns, error)
    verdicts = judge(plan.budget, measurement)
    span = _stop_observers(call, measurement, verdicts)
    return Finished(measurement, verdicts, _violations(plan, measurement, verdicts, span))


def outcome_of(error: BaseException | None) -> Outcome:
    """Tell how a call ended: what is no `Exception` (cancellation, Ctrl-C) came from outside."""
    if error is None:
        return Outcome.OK
    return Outcome.ERROR if isinstance(error, Exception) else Outcome.CANCELLED


def _open(probe: Probe) -> ProbeSession | None:
    return faults.guarded(f"probe {type(probe).__name__}", probe.open)


def _start_observers(plan: Plan, started_ns: int) -> Sequence[Observation]:
    started = []
    for observer in plan.observers:
        observation = faults.guarded(
            f"observer {type(observer).__name__}",
            observer.start,
            plan.budget,
            plan.where,
            started_ns,
        )
        if observation is not None:
            started.append(observation)
    return started


def _stop_observers(
    call: Call, measurement: Measurement, verdicts: Sequence[Verdict]
) -> SpanIds | None:
    span = None
    for observation in reversed(call.observations):
        part = f"observer {type(observation).__name__}"
        span = faults.guarded(part, observation.stop, measurement, verdicts) or span
    return span


def _measure(call: Call, elapsed_ns: int, error: BaseException | None) -> Measurement:
    readings = {Metric.DURATION: Reading(value=elapsed_ns / 1e9)}
    evidence: list[Evidence] = []
    for session in call.sessions:
        readings.update(faults.guarded("probe", session.close) or {})
        evidence.extend(faults.guarded("probe", session.evidence) or ())
    outcome = outcome_of(error)
    return Measurement(
        where=call.plan.where,
        started_ns=call.started_ns,
        readings=readings,
        outcome=outcome,
        error_type=_name_of(error) if error is not None else "",
        slowed_by=call.plan.slowed_by,
        evidence=tuple(evidence),
    )


def _name_of(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _violations(
    plan: Plan, measurement: Measurement, verdicts: Sequence[Verdict], span: SpanIds | None
) -> tuple[Violation, ...]:
    missed = [
        verdict
        for verdict in verdicts
        if verdict.severity is not None
        and (verdict.severity is not Severity.INFO or plan.settings.router.hears_of_missed_targets)
    ]
    if not missed:
        return ()
    at_ns = plan.settings.clock.time_ns()
    span = span or faults.guarded("telemetry", plan.settings.telemetry.current_span)
    return tuple(_violation(verdict, measurement, at_ns, span) for verdict in missed)


def _violation(
    verdict: Verdict, measurement: Measurement, at_ns: int, span: SpanIds | None
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
    )
