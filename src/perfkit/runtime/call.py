"""Measure one call from its start to its result.

A call that suspends has `suspend` and `resume` around each step. Nothing here raises into the
application, except `BudgetExceeded` where a raise sink was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING

from attrs import evolve

from perfkit.evaluation.per_call import TRACER, judge
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
    State,
    SteppedObservation,
    Verdict,
    Violation,
)
from perfkit.model.measurement import error_type_of, outcome_of
from perfkit.reentrancy import busy, defer
from perfkit.runtime import deferred_calls, internal_errors
from perfkit.runtime.nesting import CallNode
from perfkit.runtime.plan import Plan
from perfkit.runtime.result import (
    CallResult,
    deliver_result,
    log_exceeded,
    report_duration,
    settle,
    violations_of,
)

if TYPE_CHECKING:
    from perfkit.otel.spans import AnySpan


class Call:
    """One call in flight, in one thread or task. Recursive and concurrent calls have one each.

    Starts span, observers, probes and clock, in this order.

    Args:
        plan: The plan of the call.
        in_steps: The caller will `resume` and `suspend` the probes around each step.
        in_items: The caller will `wake` and `rest` the call around each item that it produces.
    """

    __slots__ = (
        "active_ns",
        "began_ns",
        "first_item_ns",
        "in_items",
        "in_steps",
        "is_closing",
        "is_duration_only",
        "level",
        "node",
        "observations",
        "opened_ns",
        "plan",
        "sessions",
        "span",
        "started_ns",
        "stepped_ns",
        "stepping_ns",
        "tries",
        "woke_ns",
    )

    sessions: Sequence[ProbeSession]

    def __init__(self, plan: Plan, *, in_steps: bool = False, in_items: bool = False) -> None:
        self.plan = plan
        self.level = 0 if plan.in_flight is None else plan.in_flight.enter()
        self.span: AnySpan | None = None
        self.node: CallNode | None = None
        self.is_duration_only = plan.is_duration_only and not in_items
        if not self.is_duration_only:
            self._start(in_steps=in_steps, in_items=in_items)
            return
        self.sessions = ()
        if plan.tracing is not None and not plan.tracing.is_late:
            self.span = internal_errors.suppress("span", plan.tracing.start)
        if plan.attributes:
            self.node = CallNode(plan.budget.name, perf_counter_ns())
            self.node.enter()
        self.began_ns = perf_counter_ns()

    def _start(self, *, in_steps: bool, in_items: bool) -> None:
        plan = self.plan
        self.in_steps = in_steps
        self.in_items = in_items
        self.active_ns = 0
        self.first_item_ns: int | None = None
        self.started_ns = plan.settings.clock.time_ns()
        self.opened_ns = perf_counter_ns() if plan.slowed_by else 0
        if plan.tracing is not None:
            start: Callable[[int], AnySpan] = plan.tracing.start
            if plan.tracing.is_late:
                start = plan.tracing.start_late
            self.span = internal_errors.suppress("span", start, self.started_ns)
        self.observations = _start_observers(plan, self.started_ns)
        self.sessions = [s for probe in plan.probes if (s := _open(probe)) is not None]
        self.began_ns = self.woke_ns = self.stepping_ns = self.stepped_ns = 0
        self.tries = (0, 0)
        self.is_closing = False
        if plan.attributes:
            now_ns = plan.settings.clock.monotonic_ns()
            self.node = internal_errors.suppress("attribution", CallNode, plan.budget.name, now_ns)
        if in_items:
            self._rest_observers()
        else:
            self._enter()
            if not in_steps:
                self.resume()
        self.began_ns = plan.settings.clock.monotonic_ns()

    def resume(self) -> None:
        """Start the probes: the user's code is about to run in this thread."""
        for session in self.sessions:
            internal_errors.suppress("probe", session.resume)
        self.stepping_ns = perf_counter_ns()

    def suspend(self) -> None:
        """Stop the probes for now, in reverse: the user's code has stopped running."""
        self.stepped_ns += perf_counter_ns() - self.stepping_ns
        for session in reversed(self.sessions):
            internal_errors.suppress("probe", session.suspend)

    def wake(self) -> None:
        """Resume a call that produces items, before it produces the next one."""
        self._enter()
        if self.span is not None:
            internal_errors.suppress("span", self.span.resume)
        for observation in self.observations:
            if isinstance(observation, SteppedObservation):
                internal_errors.suppress("observer", observation.resume)
        if not self.in_steps:
            self.resume()
        self.woke_ns = self.plan.settings.clock.monotonic_ns()

    def rest(self) -> None:
        """Pause a call that produces items until its consumer requests the next one."""
        self.active_ns += self.plan.settings.clock.monotonic_ns() - self.woke_ns
        if self.first_item_ns is None:
            self.first_item_ns = self.active_ns
        if not self.in_steps:
            self.suspend()
        self._rest_observers()
        self._leave()

    def _rest_observers(self) -> None:
        for observation in reversed(self.observations):
            if isinstance(observation, SteppedObservation):
                internal_errors.suppress("observer", observation.suspend)
        if self.span is not None:
            internal_errors.suppress("span", self.span.suspend)

    def _enter(self) -> None:
        # Not where a generator is closed: that may be a finalizer, which Python may run in the
        # middle of setting a context variable. Python 3.11 crashes if another one is set there.
        if self.is_closing:
            return
        if self.plan.is_inside is not None:
            self.plan.is_inside.set(True)
        if self.node is not None:
            self.node.enter()

    def _leave(self) -> None:
        if self.is_closing:
            return
        if self.plan.is_inside is not None:
            self.plan.is_inside.set(False)
        if self.node is not None:
            self.node.leave()

    def count_tries(self, hits: int, misses: int) -> None:
        """Count tries that hit or missed, towards this call."""
        if not self.is_duration_only:
            self.tries = (self.tries[0] + hits, self.tries[1] + misses)
        elif self.plan.windows is not None:
            self.plan.windows.add_tries(hits, misses)

    def end(self, error: BaseException | None) -> None:
        """Finish the call, then deliver its violations.

        Args:
            error: The exception of the user's code; None if it returned.

        Raises:
            BudgetExceeded: If a budget is violated and a raise sink was chosen, and `error` is
                None.
        """
        if self.is_duration_only:
            settle(self.plan, self._stop_clock(), error, self.span)
            return
        if defer(log_exceeded, self._end, error):
            return
        # A finalizer may run in the SDK under its locks, which the report of the call needs.
        if self.is_closing and deferred_calls.is_within_an_sdk():
            deferred_calls.pending.append(partial(log_exceeded, self._end, error))
            return
        if deferred_calls.pending:
            deferred_calls.drain()
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        deliver_result(self.plan, self.finish(error), error)

    def finish(self, error: BaseException | None) -> CallResult:
        """Finish the call without delivery; see `deliver_result`."""
        plan = self.plan
        if self.is_duration_only:
            return report_duration(plan, self._stop_clock(), error, self.span)
        ended_ns = plan.settings.clock.monotonic_ns()
        elapsed_ns = ended_ns - self.began_ns
        if not self.in_items:
            self._leave()
            if not self.in_steps:
                self.suspend()
        if plan.in_flight is not None:
            plan.in_flight.leave()
        measurement = self._measure(elapsed_ns, error)
        if self.node is not None:
            internal_errors.suppress("attribution", self.node.end, elapsed_ns, ended_ns)
        verdicts = judge(plan.budget, measurement)
        measurement = self._explain(measurement, verdicts, elapsed_ns)
        span = _stop_observers(self.observations, measurement, verdicts)
        report(plan, measurement, verdicts, self.span)
        explained = self._account(measurement, verdicts, elapsed_ns)
        at_ns = plan.settings.clock.time_ns()
        violations = violations_of(plan, measurement, verdicts, at_ns, self.span, span)
        return CallResult(measurement, verdicts, violations, explained)

    def deliver_result(self, result: CallResult, error: BaseException | None) -> None:
        """Deliver the violations of the call; see `end`."""
        deliver_result(self.plan, result, error)

    def _stop_clock(self) -> int:
        """Return the duration in nanoseconds, and leave the call."""
        ended_ns = perf_counter_ns()
        elapsed_ns = ended_ns - self.began_ns
        if self.plan.in_flight is not None:
            self.plan.in_flight.leave()
        if self.node is not None:
            self.node.leave()
            internal_errors.suppress("attribution", self.node.end, elapsed_ns, ended_ns)
        return elapsed_ns

    def _measure(self, elapsed_ns: int, error: BaseException | None) -> Measurement:
        evidence: list[Evidence] = []
        readings = {**self.plan.absent, **self._timings(elapsed_ns)}
        if self.level:
            level = float(self.level)
            readings[Metric.CONCURRENCY] = Reading(value=level, scope=Scope.PROCESS)
        hits, misses = self.tries
        if tries := hits + misses:
            readings[Metric.HIT_RATIO] = Reading(value=hits / tries, fraction=(hits, tries))
        for session in self.sessions:
            readings.update(internal_errors.suppress("probe", session.close) or {})
            evidence.extend(internal_errors.suppress("probe", session.evidence) or ())
        outcome = outcome_of(error, in_items=self.in_items)
        return Measurement(
            where=self.plan.where,
            started_ns=self.started_ns,
            readings=readings,
            outcome=outcome,
            error_type="" if error is None or outcome is Outcome.OK else error_type_of(error),
            suspended=(elapsed_ns - self.active_ns) / 1e9 if self.in_items else 0.0,
            slowed_by=self.plan.slowed_by,
            evidence=tuple(evidence),
        )

    def _timings(self, elapsed_ns: int) -> dict[Metric, Reading]:
        """Return the duration, and for a call that produces items the time until the first one."""
        if not self.in_items:
            return {Metric.DURATION: Reading(value=elapsed_ns / 1e9)}
        counted_ns = elapsed_ns if self.plan.include_suspended else self.active_ns
        readings = {Metric.DURATION: Reading(value=counted_ns / 1e9)}
        if self.first_item_ns is not None:
            readings[Metric.FIRST_ITEM] = Reading(value=self.first_item_ns / 1e9)
        return readings

    def _explain(
        self, measurement: Measurement, verdicts: Sequence[Verdict], elapsed_ns: int
    ) -> Measurement:
        """Add ``children`` evidence, if the budget names it and the call missed a limit."""
        if self.node is None or "children" not in self.plan.budget.evidence:
            return measurement
        if not any(verdict.state in (State.VIOLATED, State.DEGRADED) for verdict in verdicts):
            return measurement
        evidence = self.node.evidence(elapsed_ns)
        return evolve(measurement, evidence=(*measurement.evidence, evidence))

    def _account(
        self, measurement: Measurement, verdicts: Sequence[Verdict], elapsed_ns: int
    ) -> Violation | None:
        """Add to windows and overhead; return an earlier violation with the new evidence."""
        plan = self.plan
        explained = None
        if plan.slowed_by:
            spent_ns = self.stepped_ns
            if TRACER in plan.slowed_by:
                # Include the heap snapshots before and after the call.
                spent_ns = max(elapsed_ns, perf_counter_ns() - self.opened_ns)
            plan.settings.overhead_limit.spend(spent_ns)
        if plan.is_armed and plan.capture is not None:
            explained = plan.capture.store(measurement.evidence)
        if plan.windows is not None:
            plan.windows.add(measurement, verdicts)
            if plan.settings.clock.monotonic_ns is not perf_counter_ns:
                plan.windows.judge_if_due()
        return explained


def report(
    plan: Plan, measurement: Measurement, verdicts: Sequence[Verdict], span: AnySpan | None
) -> None:
    """Record a measurement with its verdicts, and end the span of the call."""
    elapsed_ns = round((measurement.value(Metric.DURATION) or 0.0) * 1e9)
    with busy:
        if plan.bulk_counter is not None:
            counted_ns = None if measurement.slowed_by else elapsed_ns
            plan.bulk_counter.add_judged(measurement.outcome, counted_ns, verdicts)
        if plan.recorder is not None:
            record = plan.recorder.record_measurement
            internal_errors.suppress("telemetry", record, measurement, verdicts)
        if span is not None:
            states = (verdict.state for verdict in verdicts)
            internal_errors.suppress(
                "span",
                span.end,
                elapsed_ns,
                max(states, key=lambda state: state.rank, default=None),
                error_type=measurement.error_type,
                is_cancelled=measurement.outcome is Outcome.CANCELLED,
                evidence=measurement.evidence,
            )


def _open(probe: Probe) -> ProbeSession | None:
    return internal_errors.suppress(f"probe {type(probe).__name__}", probe.open)


def _start_observers(plan: Plan, started_ns: int) -> Sequence[Observation]:
    started = []
    for observer in plan.settings.observers:
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
    observations: Sequence[Observation], measurement: Measurement, verdicts: Sequence[Verdict]
) -> SpanIds | None:
    """Stop the application's observers in reverse; return the span that one of them made."""
    span = None
    with busy:
        for observation in reversed(observations):
            part = f"observer {type(observation).__name__}"
            span = internal_errors.suppress(part, observation.stop, measurement, verdicts) or span
    return span
