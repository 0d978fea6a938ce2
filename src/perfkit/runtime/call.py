"""The journey of a call, from its start to its verdicts and sinks. It runs one way.

`begin` -> the user's code -> `finish`; a call that suspends has `suspend` and `resume` around each
step. Nothing here raises into the application, but for what a raise sink was chosen for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from time import perf_counter_ns

from attrs import evolve

from perfkit.evaluation import judge
from perfkit.evaluation.per_call import TRACER
from perfkit.model import (
    Evidence,
    Measurement,
    Metric,
    Observation,
    Outcome,
    Probe,
    ProbeSession,
    Reading,
    Scope,
    SpanIds,
    SteppedObservation,
    Verdict,
    Violation,
)
from perfkit.reentrancy import defer, run_deferred, thread_state
from perfkit.runtime import deferred_calls, internal_errors
from perfkit.runtime.nesting import CallNode
from perfkit.runtime.plan import Plan
from perfkit.runtime.result import (
    CallResult,
    deliver_late,
    deliver_result,
    name_of,
    outcome_of,
    violations_of,
)


class Call:
    """One call in flight. Belongs to the call alone, so recursion and threads keep apart."""

    __slots__ = (
        "active_ns",
        "began_ns",
        "first_item_ns",
        "in_items",
        "in_steps",
        "is_closing",
        "level",
        "node",
        "observations",
        "opened_ns",
        "plan",
        "sessions",
        "started_ns",
        "stepped_ns",
        "stepping_ns",
        "tries",
        "woke_ns",
    )

    def __init__(self, plan: Plan, *, in_steps: bool, in_items: bool) -> None:
        self.plan = plan
        self.in_steps = in_steps
        self.in_items = in_items
        self.active_ns = 0
        self.first_item_ns: int | None = None
        self.started_ns = plan.settings.clock.time_ns()
        self.opened_ns = perf_counter_ns() if plan.slowed_by else 0
        self.observations = _start_observers(plan, self.started_ns)
        self.sessions = [s for probe in plan.probes if (s := _open(probe)) is not None]
        self.began_ns = self.woke_ns = self.stepping_ns = self.stepped_ns = 0
        self.level = 0 if plan.in_flight is None else plan.in_flight.enter()
        self.node: CallNode | None = None
        self.tries = (0, 0)
        self.is_closing = False

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

    def count_tries(self, hits: int, misses: int) -> None:
        """Count tries that hit or missed, towards this call."""
        self.tries = (self.tries[0] + hits, self.tries[1] + misses)

    def end(self, error: BaseException | None) -> None:
        """Finish the call, then deliver what it broke.

        Args:
            error: What the user's code raised; None if it returned.

        Raises:
            BudgetExceeded: If a budget is broken and a raise sink was chosen, and `error` is None.
        """
        if defer(self._end_late, error):
            return
        if self.is_closing and deferred_calls.is_within_an_sdk():
            deferred_calls.pending.append(partial(self._end_late, error))
            return
        if deferred_calls.pending:
            deferred_calls.drain()
        deliver_result(self.plan, finish(self, error), error)

    def _end_late(self, error: BaseException | None) -> None:
        deliver_late(self.plan, finish(self, error), error)

    def finish(self, error: BaseException | None) -> CallResult:
        """Finish the call, and leave the delivery to `deliver_result`."""
        return finish(self, error)

    def deliver_result(self, result: CallResult, error: BaseException | None) -> None:
        """Deliver what the call broke; see `end`."""
        deliver_result(self.plan, result, error)


def begin(plan: Plan, *, in_steps: bool = False, in_items: bool = False) -> Call:
    """Start observers, probes and clock, in this order.

    Args:
        plan: What to do.
        in_steps: The caller will `resume` and `suspend` the probes around each step.
        in_items: The caller will `wake` and `rest` the call around each item that it produces.
    """
    call = Call(plan, in_steps=in_steps, in_items=in_items)
    if plan.attributes:
        now_ns = plan.settings.clock.monotonic_ns()
        call.node = internal_errors.suppress("attribution", CallNode, plan.budget.name, now_ns)
    if in_items:
        _rest_observers(call)
    else:
        _enter(call)
        if not in_steps:
            _resume(call)
    call.began_ns = plan.settings.clock.monotonic_ns()
    return call


def _wake(call: Call) -> None:
    """Go on with a call that produces items: it is about to make the next one."""
    _enter(call)
    for observation in call.observations:
        if isinstance(observation, SteppedObservation):
            internal_errors.suppress("observer", observation.resume)
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
    _leave(call)


def _rest_observers(call: Call) -> None:
    for observation in reversed(call.observations):
        if isinstance(observation, SteppedObservation):
            internal_errors.suppress("observer", observation.suspend)


def _enter(call: Call) -> None:
    """Let the code that runs from here on be inside the call.

    Not where a generator is closed: that may be a finalizer, which Python may run in the middle of
    setting a context variable, and before 3.12 does not survive another one being set there.
    """
    if call.is_closing:
        return
    if call.plan.is_inside is not None:
        call.plan.is_inside.set(True)
    if call.node is not None:
        call.node.enter()


def _leave(call: Call) -> None:
    """Let the code that runs from here on be outside of it."""
    if call.is_closing:
        return
    if call.plan.is_inside is not None:
        call.plan.is_inside.set(False)
    if call.node is not None:
        call.node.leave()


def _resume(call: Call) -> None:
    """Let the probes measure: the user's code is about to run in this thread."""
    for session in call.sessions:
        internal_errors.suppress("probe", session.resume)
    call.stepping_ns = perf_counter_ns()


def _suspend(call: Call) -> None:
    """Stop the probes for now, in reverse: the user's code has stopped running."""
    call.stepped_ns += perf_counter_ns() - call.stepping_ns
    for session in reversed(call.sessions):
        internal_errors.suppress("probe", session.suspend)


def finish(call: Call, error: BaseException | None) -> CallResult:
    """Stop clock and probes, judge, and stop the observers. `error` ended the call, if any."""
    plan = call.plan
    ended_ns = plan.settings.clock.monotonic_ns()
    if not call.in_items:
        _leave(call)
        if not call.in_steps:
            _suspend(call)
    if plan.in_flight is not None:
        plan.in_flight.leave()
    measurement = _measure(call, ended_ns - call.began_ns, error)
    if call.node is not None:
        internal_errors.suppress("attribution", call.node.end, ended_ns - call.began_ns, ended_ns)
    verdicts = judge(plan.budget, measurement)
    measurement = _explain(call, measurement, verdicts, ended_ns - call.began_ns)
    span = _stop_observers(call, measurement, verdicts)
    explained = _account(call, measurement, verdicts, ended_ns - call.began_ns)
    violations = violations_of(plan, measurement, verdicts, span)
    return CallResult(measurement, verdicts, violations, explained)


def _explain(
    call: Call, measurement: Measurement, verdicts: Sequence[Verdict], elapsed_ns: int
) -> Measurement:
    """Add which budgets a call spent its time in, where it broke one that asks for that."""
    if call.node is None or "children" not in call.plan.budget.evidence:
        return measurement
    if not any(verdict.severity for verdict in verdicts):
        return measurement
    evidence = call.node.evidence(elapsed_ns)
    return evolve(measurement, evidence=(*measurement.evidence, evidence))


def _account(
    call: Call, measurement: Measurement, verdicts: Sequence[Verdict], elapsed_ns: int
) -> Violation | None:
    """Fill the windows and pay for the probes; return a violation that is explained only now."""
    plan = call.plan
    explained = None
    if plan.slowed_by:
        spent_ns = call.stepped_ns
        if TRACER in plan.slowed_by:  # with what looking at the heap took before and after
            spent_ns = max(elapsed_ns, perf_counter_ns() - call.opened_ns)
        plan.settings.overhead_limit.spend(spent_ns)
    if plan.is_armed and plan.capture is not None:
        explained = plan.capture.store(measurement.evidence)
    if plan.windows is not None:
        plan.windows.add(measurement, verdicts)
        if plan.settings.clock.monotonic_ns is not perf_counter_ns:
            plan.windows.judge_if_due()
    return explained


def _open(probe: Probe) -> ProbeSession | None:
    return internal_errors.suppress(f"probe {type(probe).__name__}", probe.open)


def _start_observers(plan: Plan, started_ns: int) -> Sequence[Observation]:
    started = []
    for observer in plan.observers:
        observation = internal_errors.suppress(
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
    thread_state.depth += 1
    try:
        for observation in reversed(call.observations):
            part = f"observer {type(observation).__name__}"
            span = internal_errors.suppress(part, observation.stop, measurement, verdicts) or span
    finally:
        thread_state.depth -= 1
        if thread_state.later:
            run_deferred()
    return span


def _measure(call: Call, elapsed_ns: int, error: BaseException | None) -> Measurement:
    evidence: list[Evidence] = []
    readings = {**call.plan.absent, **_timings(call, elapsed_ns)}
    readings.update(_counts(call))
    for session in call.sessions:
        readings.update(internal_errors.suppress("probe", session.close) or {})
        evidence.extend(internal_errors.suppress("probe", session.evidence) or ())
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
    counted_ns = elapsed_ns if call.plan.include_suspended else call.active_ns
    readings = {Metric.DURATION: Reading(value=counted_ns / 1e9)}
    if call.first_item_ns is not None:
        readings[Metric.FIRST_ITEM] = Reading(value=call.first_item_ns / 1e9)
    return readings


def _counts(call: Call) -> Iterator[tuple[Metric, Reading]]:
    """Yield what was counted rather than probed."""
    if call.level:
        yield Metric.CONCURRENCY, Reading(value=float(call.level), scope=Scope.PROCESS)
    hits, misses = call.tries
    if tries := hits + misses:
        yield Metric.HIT_RATIO, Reading(value=hits / tries, fraction=(hits, tries))
