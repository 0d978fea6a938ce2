"""A callsite with its plan, and the fast path for calls that need only their duration.

Most calls in production have no probe and no span, and are within their limits. For these an entry
point reads the clock, compares with `within_limits_ns`, and appends to `durations`. All other calls
use `settle` or `perfkit.runtime.call.Call`.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, ClassVar, Final

from perfkit._lazy import load_lazy_imports
from perfkit.reentrancy import defer
from perfkit.runtime.callsite_options import CallsiteOptions, remember_lines
from perfkit.runtime.state import state

if TYPE_CHECKING:
    from perfkit.model import CodeLocation
    from perfkit.runtime.call import Call
    from perfkit.runtime.in_flight import InFlight
    from perfkit.runtime.plan import Plan
    from perfkit.runtime.result import CallResult

_NEVER: Final = -1
_FIRST_LOOKS: Final = 16
_MOST_CALLS_BETWEEN_LOOKS: Final = 64


class Callsite:
    """One decorated function or one block in the code, with its plan.

    Safe from any thread: two threads that find the plan stale both make the same new one.

    Attributes:
        plan: The plan of the calls; set by the first `renew`.
        generation: The generation of the settings for the other attributes. If it is not the
            current one, call `renew` first.
        is_fast: Whether calls may use the fast path.
        fast_generation: `generation` if calls may use the fast path, tracked or not; else -1, which
            is never current.
        is_tracked: Whether calls may use the fast path while `in_flight` counts them.
        is_off: Whether nothing is measured.
        within_limits_ns: A successful call of at most this duration is complete when its duration
            is appended to `durations`. Any other call of the fast path needs `settle`.
        durations: Durations in nanoseconds; call `drain` when its length reaches `capacity`.
    """

    # Loaded with the first plan; an import within each call would cost half a microsecond.
    call_type: ClassVar[type[Call]]

    __slots__ = (
        "__weakref__",
        "_calls_to_look",
        "_duration_plan",
        "_interval",
        "_is_inside",
        "_looked_ns",
        "_looks",
        "capacity",
        "durations",
        "fast_generation",
        "generation",
        "in_flight",
        "is_fast",
        "is_off",
        "is_planned",
        "is_tracked",
        "options",
        "plan",
        "where",
        "within_limits_ns",
    )

    def __init__(self, options: CallsiteOptions, where: CodeLocation) -> None:
        remember_lines(options)
        self.options = options
        self.where = where
        self.generation = self.fast_generation = _NEVER
        self.is_planned = self.is_fast = self.is_tracked = self.is_off = False
        self.in_flight: InFlight
        self.plan: Plan
        self._duration_plan: Plan
        self.within_limits_ns = _NEVER
        self.durations: list[int] = []
        self.capacity = 0
        self._looks = self._looked_ns = 0
        self._interval = self._calls_to_look = 1
        self._is_inside: ContextVar[bool] | None = None
        if options.skip_nested:
            self._is_inside = ContextVar("perfkit_is_inside", default=False)

    def __reduce__(self) -> tuple[type[Callsite], tuple[CallsiteOptions, CodeLocation]]:
        return (Callsite, (self.options, self.where))

    def plan_for_call(self) -> Plan | None:
        """Return the plan for a call that starts now; None if the call is not measured."""
        plan = self.plan_for_items()
        return plan if plan is None or plan.sampling is None else plan.sampling.choose()

    def plan_for_items(self) -> Plan | None:
        """Return the plan for a later `begin_items`; None if the call is not measured."""
        if self.generation != state.generation:
            self.renew()
        elif not self.plan.is_settled:
            self._calls_to_look -= 1
            if self._calls_to_look <= 0:
                self.renew()
        plan = self.plan
        if not plan.is_on or (plan.is_inside is not None and plan.is_inside.get()):
            return None
        return plan

    def is_outdated(self) -> bool:
        """Return whether the plan is missing, or the settings or the providers have changed."""
        if self.is_planned and not self.plan.is_settled:
            self._look()
        return not self.is_planned or self.plan.generation != state.generation

    def _look(self) -> None:
        """Check whether the application has set a provider, and schedule the next check."""
        # At shutdown of the interpreter, modules cannot be imported any more.
        if sys.is_finalizing():
            return
        from perfkit.runtime import window_registry  # noqa: PLC0415 - loads at the first call

        window_registry.look_for_providers()
        now_ns = perf_counter_ns()
        # Each of the first calls checks: a short-lived program sets its providers between them.
        # Later calls check once in 64 calls, or once a second where calls are rarer than that: a
        # check at each call would double the cost of the fast path.
        if self._looks < _FIRST_LOOKS:
            self._looks += 1
        else:
            calls_a_second = self._interval * 10**9 // max(1, now_ns - self._looked_ns)
            self._interval = min(max(1, calls_a_second), _MOST_CALLS_BETWEEN_LOOKS)
            if self.generation == _NEVER:
                self._set_generation()
        self._looked_ns = now_ns
        self._calls_to_look = self._interval
        self.capacity = min(len(self.durations) + self._interval, self.plan.capacity)

    def _set_generation(self) -> None:
        with state.lock:
            self.generation = self.plan.generation
            self.refresh()

    def renew(self) -> None:
        """Make a new plan if the plan is outdated, and set up the fast path."""
        # While the first calls check for providers, `generation` stays at -1 on purpose, so that
        # each of them calls this.
        if not self.is_outdated():
            return
        from perfkit.runtime.call import Call  # noqa: PLC0415 - loads at the first call
        from perfkit.runtime.plan import make_plan  # noqa: PLC0415 - likewise

        Callsite.call_type = Call
        plan = make_plan(self.options, self.where, self._is_inside)
        load_lazy_imports()
        with state.lock:
            if self.is_planned and plan.generation < self.plan.generation:
                # Another thread has set the plan of a later generation meanwhile.
                return
            # The plan is set last: a thread that reads it without the lock finds the rest set.
            if plan.is_duration_only or not self.is_planned:
                # A fast call in flight ends under the last duration-only plan.
                self._duration_plan = plan
                self.durations = [] if plan.bulk_counter is None else plan.bulk_counter.durations
                self.capacity, self.within_limits_ns = plan.capacity, plan.within_limits_ns
            self.is_off = not plan.is_on
            if plan.in_flight is not None:
                self.in_flight = plan.in_flight
            self.plan = plan
            self.is_planned = True
            if plan.capture is not None:
                plan.capture.watch(self)
            self._looks, self._interval = 0, 1
            self.generation = plan.generation if plan.is_settled else _NEVER
            self.refresh()

    def refresh(self) -> None:
        """Enable or disable the fast path: disabled while the next call is to gather evidence."""
        # The lock protects the read and the write: two refreshes could leave an outdated state.
        with state.lock:
            plan = self.plan
            is_quick = plan.is_fast and not (plan.capture is not None and plan.capture.is_armed)
            self.is_fast = is_quick and plan.in_flight is None
            self.is_tracked = is_quick and not self.is_fast
            self.fast_generation = self.generation if is_quick else _NEVER

    def count_tries(self, hits: int, misses: int) -> None:
        """Add hits and misses to the windows; requires a plan."""
        if self.plan.is_on and self.plan.windows is not None:
            self.plan.windows.add_tries(hits, misses)

    def drain(self) -> None:
        """Count the queued durations, or drop them without a counter."""
        plan = self._duration_plan
        if plan.bulk_counter is None:
            self.durations.clear()
        elif len(self.durations) >= plan.capacity and not defer(plan.bulk_counter.drain):
            plan.bulk_counter.drain()
        if not self.plan.is_settled:
            self._look()

    def begin(self, *, in_steps: bool = False) -> Call | None:
        """Start a call that cannot use the fast path; return None if it is not measured.

        The caller drives it `in_steps` or as a whole; see `perfkit.runtime.call.Call`.
        """
        if sys.is_finalizing():
            # Modules cannot be imported any more, and a result would not be reported.
            return None
        plan = self.plan_for_call()
        return None if plan is None else self.call_type(plan, in_steps=in_steps)

    def begin_items(self, plan: Plan, *, in_steps: bool = False) -> Call:
        """Start a call that produces items under the result of `plan_for_items`; see `begin`."""
        if plan.sampling is not None:
            plan = plan.sampling.choose()
        return self.call_type(plan, in_items=True, in_steps=in_steps)

    def settle(self, elapsed_ns: int, error: BaseException | None) -> None:
        """Finish a call of the fast path that failed, or was not within its limits.

        Raises:
            BudgetExceeded: If a raise sink was chosen and `error` is None.
        """
        if sys.is_finalizing():
            return  # as in `begin`
        from perfkit.runtime import result  # noqa: PLC0415 - loads at the first call

        result.settle(self._duration_plan, elapsed_ns, error)

    def evaluate_duration(self, elapsed_ns: int, error: BaseException | None) -> CallResult:
        """Return the result of a call of the fast path; `error` is None if it returned."""
        from perfkit.runtime import result  # noqa: PLC0415 - loads at the first call

        return result.evaluate_duration(self._duration_plan, elapsed_ns, error)
