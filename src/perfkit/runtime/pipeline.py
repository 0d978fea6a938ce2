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
    SteppedObservation,
    Verdict,
    Violation,
)
from perfkit.runtime import faults
from perfkit.runtime.delivery import deliver
from perfkit.runtime.plan import Plan


class Call:
    """One call in flight. Belongs to the call alone, so recursion and threads keep apart."""

    __slots__ = (
        "active_ns",
        "began_ns",
        "first_item_ns",
        "in_items",
        "in_steps",
        "observations",
        "plan",
        "sessions",
        "started_ns",
        "woke_ns",
    )

    def __init__(self, plan: Plan, *, in_steps: bool, in_items: bool) -> None:
        self.plan = plan
        self.in_steps = in_steps
        self.in_items = in_items
        self.active_ns = 0
        self.first_item_ns: int | None = None
        self.started_ns = plan.settings.clock.time_ns()
        self.observations = _start_observers(plan, self.started_ns)
        self.sessions = [s for probe in plan.probes if (s := _open(probe)) is not None]
        self.began_ns = self.woke_ns = 0

    def resume(self) -> None:
        """Let the probes measure: the user's code is about to run in this thread."""
        _resume(self)

    def suspend(self) -> None:
        """Stop the probes for now: the user's code has stopped running."""
        _suspend(self)

    def wake(self) -> None:
        """Go on with a call that produces items: it is about to make the next one."""
        _wake(self)

    def rest(self) -> None:
        """Let the call rest until its consumer wants the next item."""
        _rest(self)

    def end(self, error: BaseException | None) -> None:
        """Finish the call, then deliver what it broke.

        Args:
            error: What the user's code raised; None if it returned.

        Raises:
            BudgetExceeded: If a budget is broken and a raise sink was chosen, and `error` is None.
        """
        hand_over(self.plan, finish(self, error), error)

    def finish(self, error: BaseException | None) -> Finished:
        """Finish the call, and leave the delivery to `hand_over`."""
        return finish(self, error)

    def hand_over(self, finished: Finished, error: BaseException | None) -> None:
        """Deliver what the call broke; see `end`."""
        hand_over(self.plan, finished, error)


@frozen(eq=False)
class Finished:
    """How a call went: what it cost, how that stands, and what is still to be delivered."""

    measurement: Measurement
    verdicts: tuple[Verdict, ...]
    violations: tuple[Violation, ...]


def begin(plan: Plan, *, in_steps: bool = False, in_items: bool = False) -> Call:
    """Start observers, probes and clock, in this order.

    Args:
        plan: What to do.
        in_steps: The caller will `resume` and `suspend` the probes around each step.
        in_items: The caller will `wake` and `rest` the call around each item that it produces.
    """
    call = Call(plan, in_steps=in_steps, in_items=in_items)
    if in_items:
        _rest_observers(call)
    else:
        _enter(plan, is_inside=True)
        if not in_steps:
            _resume(call)
    call.began_ns = plan.settings.clock.monotonic_ns()
    return call


def _wake(call: Call) -> None:
    """Go on with a call that produces items: it is about to make the next one."""
    _enter(call.plan, is_inside=True)
    for observation in call.observations:
        if isinstance(observation, SteppedObservation):
            faults.guarded("observer", observation.resume)
    if not call.in_steps:
        _resume(call)
    call.woke_ns = call.plan.settings.clock.monotonic_ns()


def _rest(call: Call) -> None:
    """Let a call rest until its consumer wants the next item."""
    call.active_ns += call.plan.settings.clock.monotonic_ns() - call.woke_ns
    if call.first_item_ns is None:
        call.first_item_ns = call.active_ns
    if not call.in_steps:
        _suspend(call)
    _rest_observers(call)
    _enter(call.plan, is_inside=False)


def _rest_observers(call: Call) -> None:
    for observation in reversed(call.observations):
        if isinstance(observation, SteppedObservation):
            faults.guarded("observer", observation.suspend)


def _enter(plan: Plan, *, is_inside: bool) -> None:
    if plan.is_inside is not None:
        plan.is_inside.set(is_inside)


def _resume(call: Call) -> None:
    """Let the probes measure: the user's code is about to run in this thread."""
    for session in call.sessions:
        faults.guarded("probe", session.resume)


def _suspend(call: Call) -> None:
    """Stop the probes for now, in reverse: the user's code has stopped running."""
    for session in reversed(call.sessions):
        faults.guarded("probe", session.suspend)


def hand_over(plan: Plan, finished: Finished, error: BaseException | None) -> None:
    """Deliver what a call broke.

    Raises:
        BudgetExceeded: If a raise sink was chosen, and `error` is None.
    """
    if finished.violations:
        deliver(finished.violations, plan.sinks_for, error)


def finish(call: Call, error: BaseException | None) -> Finished:
    """Stop clock and probes, judge, and stop the observers. `error` ended the call, if any."""
    plan = call.plan
    ended_ns = plan.settings.clock.monotonic_ns()
    if not call.in_items:
        _enter(plan, is_inside=False)
        if not call.in_steps:
            _suspend(call)
    measurement = _measure(call, ended_ns - call.began_ns, error)
    verdicts = judge(plan.budget, measurement)
    span = _stop_observers(call, measurement, verdicts)
    return Finished(measurement, verdicts, violations_of(plan, measurement, verdicts, span))


def judged(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: SpanIds | None = None
) -> Finished:
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
    return Finished(measurement, verdicts, violations_of(plan, measurement, verdicts, span))


def outcome_of(error: BaseException | None, *, in_items: bool = False) -> Outcome:
    """Tell how a call ended: what is no `Exception` (cancellation, Ctrl-C) came from outside.

    A generator that its consumer closes early has done what was wanted of it.
    """
    if error is None or (in_items and isinstance(error, GeneratorExit)):
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
    evidence: list[Evidence] = []
    readings = _timings(call, elapsed_ns)
    for session in call.sessions:
        readings.update(faults.guarded("probe", session.close) or {})
        evidence.extend(faults.guarded("probe", session.evidence) or ())
    outcome = outcome_of(error, in_items=call.in_items)
    return Measurement(
        where=call.plan.where,
        started_ns=call.started_ns,
        readings=readings,
        outcome=outcome,
        error_type=name_of(error) if error is not None and outcome is not Outcome.OK else "",
        suspended=(elapsed_ns - call.active_ns) / 1e9 if call.in_items else 0.0,
        slowed_by=call.plan.slowed_by,
        evidence=tuple(evidence),
    )


def _timings(call: Call, elapsed_ns: int) -> dict[Metric, Reading]:
    """Return the duration, and for what produces items the time until the first one."""
    if not call.in_items:
        return {Metric.DURATION: Reading(value=elapsed_ns / 1e9)}
    counted_ns = elapsed_ns if call.plan.count_suspended else call.active_ns
    readings = {Metric.DURATION: Reading(value=counted_ns / 1e9)}
    if call.first_item_ns is not None:
        readings[Metric.FIRST_ITEM] = Reading(value=call.first_item_ns / 1e9)
    return readings


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
