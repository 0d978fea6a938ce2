"""A call of which only the duration is measured: counted, judged and reported with little work."""

from __future__ import annotations

from time import perf_counter_ns

from perfkit.errors import BudgetExceeded
from perfkit.model import Outcome, SpanIds, State
from perfkit.reentrancy import defer, run_deferred, thread_state
from perfkit.runtime import deferred_calls, internal_errors
from perfkit.runtime.delivery import tell_of_unraised
from perfkit.runtime.nesting import CallNode
from perfkit.runtime.plan import Plan
from perfkit.runtime.result import (
    CallResult,
    deliver_result,
    evaluate_duration,
    name_of,
    outcome_of,
)
from perfkit.runtime.settings import RunningSpan


class DurationCall:
    """One call in flight, with at most a span to start and stop."""

    __slots__ = ("_began_ns", "_frame", "_span", "plan")

    sessions = ()

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        if plan.in_flight is not None:
            plan.in_flight.enter()
        self._span = None if plan.tracing is None else _start_span(plan)
        self._frame: CallNode | None = None
        if plan.attributes:
            self._frame = CallNode(plan.budget.name, perf_counter_ns())
            self._frame.enter()
        self._began_ns = perf_counter_ns()

    def count_tries(self, hits: int, misses: int) -> None:
        """Count tries towards the windows."""
        if self.plan.windows is not None:
            self.plan.windows.add_tries(hits, misses)

    def end(self, error: BaseException | None) -> None:
        """Settle the call; see `settle`."""
        settle(self.plan, self._elapsed_ns(), error, self._span)

    def finish(self, error: BaseException | None) -> CallResult:
        """Do as `end`, return how the call went, and leave the delivery to `deliver_result`."""
        elapsed_ns = self._elapsed_ns()
        span = _report(self.plan, elapsed_ns, error, self._span)
        return evaluate_duration(self.plan, elapsed_ns, error, _ids_of(span))

    def _elapsed_ns(self) -> int:
        """Stop the clock, and what was started with it."""
        ended_ns = perf_counter_ns()
        elapsed_ns = ended_ns - self._began_ns
        if self.plan.in_flight is not None:
            self.plan.in_flight.leave()
        if self._frame is not None:
            self._frame.leave()
            internal_errors.suppress("attribution", self._frame.end, elapsed_ns, ended_ns)
        return elapsed_ns

    def deliver_result(self, result: CallResult, error: BaseException | None) -> None:
        """Deliver what the call broke; see `end`."""
        deliver_result(self.plan, result, error)


def settle(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: RunningSpan | None = None
) -> None:
    """Count a call, end its span, and deliver what it broke.

    Args:
        plan: What it was held to.
        elapsed_ns: Its duration.
        error: What the user's code raised; None if it returned.
        span: Its span; None where it has none, or none yet.

    Raises:
        BudgetExceeded: If a budget is broken and a raise sink was chosen, and `error` is None.
    """
    is_free = not (thread_state.depth or thread_state.frames)
    if is_free or not defer(_settle_late, plan, elapsed_ns, error, span):
        _settle(plan, elapsed_ns, error, span)


def _settle_late(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: RunningSpan | None
) -> None:
    try:
        _settle(plan, elapsed_ns, error, span)
    except BudgetExceeded as exceeded:
        tell_of_unraised(exceeded)


def _settle(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: RunningSpan | None
) -> None:
    if deferred_calls.pending:
        deferred_calls.drain()
    span = _report(plan, elapsed_ns, error, span)
    if elapsed_ns > plan.within_limits_ns:
        result = evaluate_duration(plan, elapsed_ns, error, _ids_of(span))
        deliver_result(plan, result, error)


def _start_span(plan: Plan) -> RunningSpan | None:
    tracing = plan.tracing
    if tracing is None or tracing.is_late:
        return None
    try:
        return tracing.start()
    except Exception as fault:  # noqa: BLE001 - a span processor may raise anything
        internal_errors.report("span", fault)
        return None


def _report(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: RunningSpan | None
) -> RunningSpan | None:
    """Count the call and end its span; return the span that stands for it."""
    outcome = outcome_of(error)
    thread_state.depth += 1
    try:
        if plan.bulk_counter is not None:
            plan.bulk_counter.add(outcome, elapsed_ns)
        if plan.recorder is not None:
            plan.recorder.record(outcome, elapsed_ns)
        if plan.tracing is None:
            return None
        state = plan.thresholds.state_of(outcome, elapsed_ns)
        if plan.tracing.is_late and state is State.VIOLATED:
            span = plan.tracing.make_late(plan.settings.clock.time_ns() - elapsed_ns)
        if span is not None:
            error_type = "" if error is None else name_of(error)
            is_cancelled = outcome is Outcome.CANCELLED
            span.end(elapsed_ns, state, error_type=error_type, is_cancelled=is_cancelled)
    except Exception as fault:  # noqa: BLE001 - telemetry may raise anything
        internal_errors.report("telemetry", fault)
    finally:
        thread_state.depth -= 1
        if thread_state.later:
            run_deferred()
    return span


def _ids_of(span: RunningSpan | None) -> SpanIds | None:
    return None if span is None else internal_errors.suppress("span", span.ids)
