"""Report the result of a call: count it, end its span, evaluate it, and deliver its violations.

Nothing here raises into the application, except `BudgetExceeded` where a raise sink was chosen.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from attrs import frozen

from perfkit.errors import BudgetExceeded
from perfkit.evaluation.per_call import judge
from perfkit.forks import register_after_fork
from perfkit.model import (
    CodeLocation,
    Measurement,
    Metric,
    Outcome,
    Reading,
    Severity,
    Sink,
    SpanIds,
    State,
    Verdict,
    Violation,
)
from perfkit.model.measurement import error_type_of, outcome_of
from perfkit.reentrancy import defer, run_deferred, thread_state
from perfkit.runtime import deferred_calls, internal_errors
from perfkit.sinks.delivery import recursion
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats

if TYPE_CHECKING:
    from perfkit.otel.spans import AnySpan
    from perfkit.runtime.plan import Plan

P = ParamSpec("P")
SinksFor = Callable[[Violation], Sequence[Sink]]


@frozen(eq=False)
class CallResult:
    """The result of one call.

    `violations` are to deliver. `explained` is an earlier violation for which this call has
    gathered the evidence.
    """

    measurement: Measurement
    verdicts: tuple[Verdict, ...]
    violations: tuple[Violation, ...]
    explained: Violation | None = None


def settle(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: AnySpan | None = None
) -> None:
    """Count a call that ends now, end its span, and deliver its violations.

    Args:
        plan: The plan of the call.
        elapsed_ns: Its duration, nanoseconds.
        error: The exception of the user's code; None if it returned.
        span: Its span; None without one, or where it is made late.

    Raises:
        BudgetExceeded: If a budget is violated and a raise sink was chosen, and `error` is None.
    """
    # Two reads instead of a call: `defer` is entered only where perfkit may be at work here.
    is_free = not (thread_state.depth or thread_state.frames)
    if is_free or not defer(log_exceeded, _settle, plan, elapsed_ns, error, span):
        _settle(plan, elapsed_ns, error, span)


def _settle(plan: Plan, elapsed_ns: int, error: BaseException | None, span: AnySpan | None) -> None:
    if deferred_calls.pending:
        deferred_calls.drain()
    span = _record(plan, elapsed_ns, error, span)
    if elapsed_ns > plan.within_limits_ns:
        deliver_result(plan, evaluate_duration(plan, elapsed_ns, error, span), error)


def report_duration(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: AnySpan | None
) -> CallResult:
    """Count a call that ends now, end its span, and return its result; see `settle`."""
    span = _record(plan, elapsed_ns, error, span)
    return evaluate_duration(plan, elapsed_ns, error, span)


def _record(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: AnySpan | None
) -> AnySpan | None:
    """Count a call and end its span; return the span, which may be made late here."""
    tracing = plan.tracing
    if tracing is None and plan.bulk_counter is None and plan.recorder is None:
        return span
    outcome = Outcome.OK if error is None else outcome_of(error)
    thread_state.depth += 1
    try:
        try:
            if plan.bulk_counter is not None:
                plan.bulk_counter.add(outcome, elapsed_ns)
            if plan.recorder is not None:
                plan.recorder.record(outcome, elapsed_ns)
        except Exception as fault:  # noqa: BLE001 - as below; the span has to end nevertheless
            internal_errors.report("telemetry", fault)
        if tracing is not None:
            state = plan.thresholds.state_of(outcome, elapsed_ns)
            if tracing.is_late and state is State.VIOLATED:
                span = tracing.make_late(plan.settings.clock.time_ns() - elapsed_ns)
            if span is not None:
                error_type = "" if error is None else error_type_of(error)
                is_cancelled = outcome is Outcome.CANCELLED
                span.end(elapsed_ns, state, error_type=error_type, is_cancelled=is_cancelled)
    except Exception as fault:  # noqa: BLE001 - telemetry may raise anything
        internal_errors.report("telemetry", fault)
    finally:
        thread_state.depth -= 1
        if thread_state.later:
            run_deferred()
    return span


def evaluate_duration(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: AnySpan | None = None
) -> CallResult:
    """Return the result of a call that ends now and of which only the duration was measured.

    Arguments are as for `settle`; without a span, violations have the ids of the current one.
    """
    ended_ns = plan.settings.clock.time_ns()
    measurement = Measurement(
        where=plan.where,
        started_ns=ended_ns - elapsed_ns,
        readings={Metric.DURATION: Reading(value=elapsed_ns / 1e9)},
        outcome=Outcome.OK if error is None else outcome_of(error),
        error_type="" if error is None else error_type_of(error),
    )
    verdicts = judge(plan.budget, measurement)
    violations = violations_of(plan, measurement, verdicts, ended_ns, span)
    return CallResult(measurement, verdicts, violations)


# -- violations


def violations_of(  # noqa: PLR0913, PLR0917 - the facts of a call are arguments, not looked up
    plan: Plan,
    measurement: Measurement,
    verdicts: Sequence[Verdict],
    at_ns: int,
    span: AnySpan | None,
    ids: SpanIds | None = None,
) -> tuple[Violation, ...]:
    """Return the violations of a call that ended at `at_ns`, nanoseconds since the Unix epoch.

    They have the ids of its span, else `ids`, else those of the current span.
    """
    severities = plan.severities
    missed = [verdict for verdict in verdicts if verdict.state in severities]
    if not missed:
        return ()
    ids = _ids_of(plan, span, ids)
    about: dict[str, Any] = {
        "outcome": measurement.outcome,
        "evidence": measurement.evidence,
        "environment": plan.settings.environment,
    }
    if ids is not None:
        about |= {
            "trace_id": ids.trace_id,
            "span_id": ids.span_id,
            "trace_flags": ids.trace_flags,
        }
    violations = tuple(
        violation_of(each, severities[each.state], plan.where, at_ns, **about) for each in missed
    )
    if plan.capture is None or plan.is_armed:
        return violations
    return plan.capture.explain(violations)


def _ids_of(plan: Plan, span: AnySpan | None, ids: SpanIds | None) -> SpanIds | None:
    try:
        own = None if span is None else span.ids()
        return own or ids or plan.settings.telemetry.current_span()
    except Exception as fault:  # noqa: BLE001 - an API of another version may raise anything
        internal_errors.report("telemetry", fault)
        return None


def violation_of(
    verdict: Verdict, severity: Severity, where: CodeLocation, at_ns: int, **further: Any
) -> Violation:
    """Return the violation for a verdict of a call or a window, with `further` fields."""
    assert verdict.value is not None  # noqa: S101 - a verdict with a severity always has a value
    return Violation(
        budget=verdict.budget,
        limit=verdict.limit,
        value=verdict.value,
        state=verdict.state,
        severity=severity,
        where=where,
        at_ns=at_ns,
        contended=verdict.contended,
        **further,
    )


# -- delivery


class _Delivering(threading.local):
    """The delivery of this thread. Not a context variable: a finalizer may set it."""

    is_busy = False

    def __init__(self) -> None:
        self.later: deque[tuple[tuple[Violation, ...], SinksFor]] = deque()

    def after_fork_in_child(self) -> None:
        """Reset in a forked child: a sink may have forked during a delivery."""
        self.is_busy, recursion.thread_state.depth = False, 0
        self.later.clear()


_delivering: Final = _Delivering()
register_after_fork(_delivering)


def deliver_result(plan: Plan, result: CallResult, error: BaseException | None) -> None:
    """Deliver the violations of a call, and arm the next call to gather evidence.

    Raises:
        BudgetExceeded: If a raise sink was chosen, and `error` is None.
    """
    if result.violations:
        if plan.capture is not None:
            plan.capture.arm(result.violations[0])
        deliver(result.violations, plan.sinks_for, error, result.verdicts)
    if result.explained is not None:
        deliver_quietly((result.explained,), plan.sinks_for)


def deliver(
    violations: Iterable[Violation],
    sinks_for: SinksFor,
    in_flight: BaseException | None,
    verdicts: Sequence[Verdict] = (),
) -> None:
    """Emit each violation to its sinks; then raise, if a raise sink was among them.

    Violations that occur meanwhile in this thread are queued, then delivered: a sink may violate a
    budget itself, and garbage collection may end a deferred call. These are not raised.

    Args:
        violations: The violations of one call.
        sinks_for: Chooses the sinks of a violation.
        in_flight: The exception of the call: it gets a note, and nothing is raised.
        verdicts: Every verdict of the call, for the exception.

    Raises:
        BudgetExceeded: With every violation of a raise sink.
    """
    if _delivering.is_busy:
        _delivering.later.append((tuple(violations), sinks_for))
        return
    # The task of a callback is a delivery at the largest depth.
    depth = recursion.MAX_DEPTH if recursion.is_delivering.get() else recursion.thread_state.depth
    if depth >= recursion.MAX_DEPTH:
        _drop(violations, sinks_for)
        return
    raised = _deliver_at(depth + 1, violations, sinks_for)
    if _delivering.later:
        _deliver_later(depth + 1)
    if raised and in_flight is None:
        raise BudgetExceeded(raised, verdicts)
    if raised and in_flight is not None:
        note = "\n".join(violation.describe() for violation in raised)
        # An exception may override `add_note` and raise in it.
        internal_errors.suppress("raise", in_flight.add_note, note)


def deliver_quietly(violations: Iterable[Violation], sinks_for: SinksFor) -> None:
    """Deliver outside of a call."""
    log_exceeded(deliver, violations, sinks_for, None)


def log_exceeded(function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call `function` outside of a call: log violations of a raise sink instead of raising."""
    try:
        function(*args, **kwargs)
    except BudgetExceeded as exceeded:
        _log(exceeded.violations)


def _log(violations: Sequence[Violation]) -> None:
    for violation in violations:
        internal_errors.logger.warning(
            "perfkit: no call to raise this out of: %s", violation.describe()
        )


def _deliver_at(
    depth: int, violations: Iterable[Violation], sinks_for: SinksFor
) -> list[Violation]:
    """Emit violations to their sinks; return those to raise."""
    here, raised = recursion.thread_state, list[Violation]()
    before = here.depth
    _delivering.is_busy, here.depth = True, depth
    try:
        for violation in violations:
            for sink in _sinks_of(violation, sinks_for):
                try:
                    sink.emit(violation)
                except Exception as error:  # noqa: BLE001 - it must not reach the application
                    raised += _raised_by(sink, error)
    finally:
        _delivering.is_busy, here.depth = False, before
    return raised


def _raised_by(sink: Sink, error: Exception) -> Sequence[Violation]:
    """Return the violations of a raise sink; report the failure of any other."""
    # A signal handler may raise in a sink: that exception is meant for the application.
    if is_signal_exception(error):
        raise error
    if isinstance(error, BudgetExceeded) and getattr(sink, "reaches_caller", False) is True:
        return error.violations
    internal_errors.report(f"sink {type(sink).__name__}", error)
    return ()


def _deliver_later(depth: int) -> None:
    while _delivering.later:
        violations, sinks_for = _delivering.later.popleft()
        if depth >= recursion.MAX_DEPTH:
            _drop(violations, sinks_for)
        else:
            _log(_deliver_at(depth + 1, violations, sinks_for))
            _deliver_later(depth + 1)


def _drop(violations: Iterable[Violation], sinks_for: SinksFor) -> None:
    """Count violations beyond the recursion limit as dropped."""
    for violation in violations:
        for sink in _sinks_of(violation, sinks_for):
            stats = getattr(sink, "stats", None)
            if isinstance(stats, DeliveryStats):
                stats.take()
                stats.drop("recursion")
    internal_errors.report(
        "delivery", RecursionError("a sink broke a budget while it delivered one")
    )


def _sinks_of(violation: Violation, sinks_for: SinksFor) -> Sequence[Sink]:
    try:
        return sinks_for(violation)
    except Exception as error:  # noqa: BLE001 - a violation must not fail the application
        internal_errors.report("routing", error)
        return ()
