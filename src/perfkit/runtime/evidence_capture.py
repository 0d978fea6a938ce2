"""Gather evidence in the next call of a violated budget, at a limited rate.

A call that breaks its budget has ended before the violation is detected. So the violation arms the
budget: its next call runs under the profilers that the budget names, is excluded from limits on
time, and its evidence is attached to the violations that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from attrs import define, evolve, field

from perfkit.model import Budget, Clock, Evidence, Violation
from perfkit.reentrancy import Lock, busy
from perfkit.runtime.overhead_limit import OverheadLimit

if TYPE_CHECKING:
    from perfkit.runtime.callsite import Callsite

_ARMED_FOR_NS: Final = 60 * 10**9
"""How long a budget stays armed without a call or without allowance, nanoseconds."""

_FRESH_FOR_NS: Final = 600 * 10**9
"""How long evidence is attached to later violations, nanoseconds."""

_UNDER_TRACING: Final = "times are under memory tracing, which slows allocations down"


class EvidenceCapture:
    """Arms the next call of one budget to gather evidence. Safe from any thread.

    Args:
        kinds: The evidence to gather.
        interval_ns: At most one armed call in this time, nanoseconds.
        clock: The clock for intervals.
        overhead_limit: Grants the allowance for it.
    """

    def __init__(
        self, kinds: frozenset[str], interval_ns: int, clock: Clock, overhead_limit: OverheadLimit
    ) -> None:
        self.kinds = kinds
        self.is_armed = False
        self._interval_ns = interval_ns
        self._clock = clock
        self._overhead_limit = overhead_limit
        self._lock = Lock()
        self._sites: WeakSet[Callsite] = WeakSet()
        self._cause: Violation | None = None
        self._armed_ns = 0
        self._next_ns = -(2**62)
        self._evidence: tuple[Evidence, ...] = ()
        self._gathered_ns = 0

    def watch(self, site: Callsite) -> None:
        """Refresh `site` whenever this is armed or disarmed."""
        with busy, self._lock:
            self._sites.add(site)

    def arm(self, cause: Violation) -> None:
        """Arm the next call, unless another call was armed within the interval."""
        now_ns = self._clock.monotonic_ns()
        with busy, self._lock:
            if self.is_armed or now_ns < self._next_ns or cause.is_recovery:
                return
            self.is_armed = True
            self._cause = cause
            self._armed_ns = now_ns
        # Outside the lock: `refresh` locks the state, under which plans lock this.
        self._refresh_sites()

    def try_start(self) -> bool:
        """Return whether the call that starts now is to gather evidence."""
        # Without the lock: nearly every call finds the budget not armed.
        if not self.is_armed:
            return False
        now_ns = self._clock.monotonic_ns()
        is_in_time = now_ns - self._armed_ns <= _ARMED_FOR_NS
        if is_in_time and not self._overhead_limit.allows():
            return False
        with busy, self._lock:
            # Check again under the lock: another call may have claimed the capture meanwhile.
            if not self.is_armed:
                return False
            self.is_armed = False
            if is_in_time:
                self._next_ns = now_ns + self._interval_ns
        self._refresh_sites()
        return is_in_time

    def store(self, evidence: Sequence[Evidence]) -> Violation | None:
        """Store the evidence of the armed call.

        Returns:
            The violation that armed the call, with the evidence, if it is of a window: a broken
            window is reported only once, before there is evidence. Else None.
        """
        now_ns = self._clock.monotonic_ns()
        since_armed = (now_ns - self._armed_ns) / 1e9
        with busy, self._lock:
            self._evidence = tuple(self._marked(each, since_armed) for each in evidence)
            self._gathered_ns = now_ns
            cause, self._cause = self._cause, None
            if cause is None or not cause.since_ns:
                return None
            return evolve(cause, evidence=(*cause.evidence, *self._evidence))

    def _marked(self, evidence: Evidence, since_armed: float) -> Evidence:
        """Add the time since arming, and a note where memory tracing distorts durations."""
        note = evidence.note
        if "memory" in self.kinds and evidence.kind != "memory":
            note = "; ".join(filter(None, (note, _UNDER_TRACING)))
        return evolve(evidence, since_armed=since_armed, note=note)

    def explain(self, violations: Sequence[Violation]) -> tuple[Violation, ...]:
        """Return `violations` with the stored evidence, if it is at most ten minutes old."""
        evidence = self._evidence
        if not evidence or self._clock.monotonic_ns() - self._gathered_ns > _FRESH_FOR_NS:
            return tuple(violations)
        return tuple(
            each if each.is_recovery else evolve(each, evidence=(*each.evidence, *evidence))
            for each in violations
        )

    def _refresh_sites(self) -> None:
        with busy, self._lock:
            sites = list(self._sites)
        for site in sites:
            site.refresh()

    def after_fork_in_child(self) -> None:
        """After a fork, be free of a lock that another thread held."""
        self._lock = Lock()


@define(eq=False)
class CaptureRegistry:
    """The captures of all budgets under one configuration. Safe from any thread.

    See `EvidenceCapture` for the fields.
    """

    interval_seconds: float
    clock: Clock
    overhead_limit: OverheadLimit
    _lock: Lock = field(init=False, factory=Lock)
    _captures: dict[tuple[str, frozenset[str]], EvidenceCapture] = field(init=False, factory=dict)

    def capture_of(self, budget: Budget) -> EvidenceCapture | None:
        """Return the capture of `budget`; None if the budget names no profiler."""
        # Children evidence is collected at every call and needs no armed call.
        kinds = frozenset(budget.evidence) - {"children"}
        if not kinds:
            return None
        key = (budget.name, kinds)
        with busy, self._lock:
            if key not in self._captures:
                interval_ns = round(self.interval_seconds * 1e9)
                self._captures[key] = EvidenceCapture(
                    kinds, interval_ns, self.clock, self.overhead_limit
                )
            return self._captures[key]

    def after_fork_in_child(self) -> None:
        """After a fork, be free of locks that other threads held."""
        self._lock = Lock()
        for capture in self._captures.values():
            capture.after_fork_in_child()
