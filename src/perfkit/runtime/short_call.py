"""A call of which only the duration is measured: counted, judged and reported with little work."""

from __future__ import annotations

from time import perf_counter_ns

from perfkit.model import Outcome, SpanIds, State
from perfkit.runtime import faults, pipeline
from perfkit.runtime.pipeline import Finished
from perfkit.runtime.plan import Plan
from perfkit.runtime.settings import RunningSpan


class ShortCall:
    """One call in flight, with at most a span to start and stop."""

    __slots__ = ("_began_ns", "_span", "plan")

    sessions = ()

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._span = _start_span(plan)
        self._began_ns = perf_counter_ns()

    def end(self, error: BaseException | None) -> None:
        """Settle the call; see `settle`."""
        settle(self.plan, perf_counter_ns() - self._began_ns, error, self._span)

    def finish(self, error: BaseException | None) -> Finished:
        """Do as `end`, return how the call went, and leave the delivery to `hand_over`."""
        elapsed_ns = perf_counter_ns() - self._began_ns
        span = _report(self.plan, elapsed_ns, error, self._span)
        return pipeline.judged(self.plan, elapsed_ns, error, _ids_of(span))

    def hand_over(self, finished: Finished, error: BaseException | None) -> None:
        """Deliver what the call broke; see `end`."""
        pipeline.hand_over(self.plan, finished, error)


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
    span = _report(plan, elapsed_ns, error, span)
    if elapsed_ns > plan.quiet_ns:
        finished = pipeline.judged(plan, elapsed_ns, error, _ids_of(span))
        pipeline.hand_over(plan, finished, error)


def _start_span(plan: Plan) -> RunningSpan | None:
    tracing = plan.tracing
    if tracing is None or tracing.is_late:
        return None
    try:
        return tracing.start()
    except Exception as fault:  # noqa: BLE001 - a span processor may raise anything
        faults.report("span", fault)
        return None


def _report(
    plan: Plan, elapsed_ns: int, error: BaseException | None, span: RunningSpan | None
) -> RunningSpan | None:
    """Count the call and end its span; return the span that stands for it."""
    outcome = pipeline.outcome_of(error)
    try:
        if plan.tally is not None:
            plan.tally.add(outcome, elapsed_ns)
        if plan.recorder is not None:
            plan.recorder.record(outcome, elapsed_ns)
        if plan.tracing is None:
            return None
        state = plan.lines.state_of(outcome, elapsed_ns)
        if plan.tracing.is_late and state is State.VIOLATED:
            span = plan.tracing.make_late(plan.settings.clock.time_ns() - elapsed_ns)
        if span is not None:
            error_type = "" if error is None else pipeline.name_of(error)
            is_cancelled = outcome is Outcome.CANCELLED
            span.end(elapsed_ns, state, error_type=error_type, is_cancelled=is_cancelled)
    except Exception as fault:  # noqa: BLE001 - telemetry may raise anything
        faults.report("telemetry", fault)
    return span


def _ids_of(span: RunningSpan | None) -> SpanIds | None:
    return None if span is None else faults.guarded("span", span.ids)
