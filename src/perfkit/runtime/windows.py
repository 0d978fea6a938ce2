"""The sliding windows of a budget: filled by calls, evaluated periodically.

A limit over a window is evaluated about once in each sixtieth of its length, by the scheduler, or
at the end of a call under a test clock. A violation is emitted when a limit breaks and when it
recovers, not in between.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from attrs import evolve

from perfkit.evaluation.alert_state import AlertState, Transition
from perfkit.evaluation.bulk_counter import BulkCounter
from perfkit.evaluation.objective import ObjectiveWindow
from perfkit.evaluation.per_call import EVIDENCE, is_cut_short, slowing_tools
from perfkit.evaluation.sliding_window import SUB_WINDOWS
from perfkit.evaluation.thresholds_ns import last_ns_within, thresholds_of
from perfkit.evaluation.windowed import LimitWindow
from perfkit.model import (
    Budget,
    Clock,
    CodeLocation,
    Direction,
    Limit,
    Measurement,
    Metric,
    Outcome,
    Reading,
    Scope,
    Severity,
    State,
    Statistic,
    Verdict,
    Violation,
)
from perfkit.reentrancy import Lock, busy, defer
from perfkit.runtime import internal_errors, settings
from perfkit.runtime.in_flight import InFlight
from perfkit.runtime.result import SinksFor, deliver_quietly, violation_of

if TYPE_CHECKING:
    from perfkit.runtime.evidence_capture import EvidenceCapture

_MOST_TRIES: Final = 4096
_SHORTEST_TICK_SECONDS: Final = 0.1
_LONGEST_TICK_SECONDS: Final = 5.0


class BudgetWindows:
    """The windows of one budget. Safe from any thread.

    Args:
        budget: The budget whose limits over a window, and whose objective, are evaluated.
        where: The code location in its violations.
        clock: The clock for samples and evaluation.
        judges_each: Evaluate limits on single values too, by the last one: for process samples.
    """

    def __init__(
        self, budget: Budget, where: CodeLocation, clock: Clock, *, judges_each: bool = False
    ) -> None:
        self.budget = budget
        self.where = where
        self.sinks_for: SinksFor | None = None
        self.capture: EvidenceCapture | None = None
        self.generation = 0
        self.in_flight: InFlight | None = None
        self.is_of_system_clock = clock.monotonic_ns is perf_counter_ns
        self._limits = [
            limit for limit in budget.limits if judges_each or limit.statistic is not Statistic.EACH
        ]
        self.tick_seconds = _tick_of(self._limits)
        self._clock = clock
        self._tallies: list[BulkCounter] = []
        self._hits: list[int] = []
        self._misses: list[int] = []
        self._threshold_ns = thresholds_of(budget.limits).threshold_ns
        if any(limit.metric is Metric.CONCURRENCY for limit in budget.limits):
            self.in_flight = InFlight()
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Reset all samples: at construction, and in the child after a fork."""
        now_ns = self._clock.monotonic_ns()
        self._lock = Lock()
        self._due_ns = now_ns
        self._windows = [LimitWindow(limit, now_ns) for limit in self._limits]
        objective = self.budget.objective
        self._objective = None if objective is None else ObjectiveWindow(objective, now_ns)
        judged: list[LimitWindow | ObjectiveWindow] = [*self._windows]
        judged += filter(None, [self._objective])
        self._alerts = [(window, AlertState()) for window in judged]
        if self.in_flight is not None:
            self.in_flight.after_fork_in_child()
        self._hits.clear()
        self._misses.clear()
        for bulk_counter in self._tallies:
            bulk_counter.reset(time.time_ns())

    # -- filling

    def subscribe_to(self, bulk_counter: BulkCounter | None) -> BulkCounter:
        """Consume the durations of `bulk_counter` too; of an own counter if it is None.

        Returns:
            The counter to count calls in.
        """
        with busy, self._lock:
            if bulk_counter is None:
                bulk_counter = next((known for known in self._tallies if not known.bounds), None)
            bulk_counter = bulk_counter or BulkCounter((), ())
            if not any(known is bulk_counter for known in self._tallies):
                self._tallies.append(bulk_counter)
        # Outside the lock: the counter locks itself before it calls `consume`, which locks here.
        bulk_counter.subscribe(self.consume)
        return bulk_counter

    def consume(self, outcome: Outcome, ordered: Sequence[int]) -> None:
        """Add calls of which only the duration was measured.

        Args:
            outcome: The outcome of all of them.
            ordered: Their durations in nanoseconds, ascending, at least one.
        """
        now_ns = self._clock.monotonic_ns()
        with busy, self._lock:
            self._take_levels(now_ns, with_those_running=False)
            for window in self._windows:
                if window.limit.metric is Metric.DURATION:
                    if durations := _that_count(outcome, ordered, window.limit):
                        window.add_ordered_ns(durations, now_ns)
                else:
                    _count_calls(window, outcome, len(ordered), now_ns)
            within = bisect_right(ordered, self._threshold_ns)
            self._count_good(outcome, within, len(ordered) - within, now_ns)

    def add(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> None:
        """Add one call that was measured in full, with its verdicts."""
        now_ns = self._clock.monotonic_ns()
        is_broken = any(verdict.state is State.VIOLATED for verdict in verdicts)
        with busy, self._lock:
            for window in self._windows:
                metric = window.limit.metric
                reading = measurement.readings.get(metric)
                if reading is None:
                    _count_calls(window, measurement.outcome, 1, now_ns)
                elif metric is not Metric.CONCURRENCY and _counts(
                    self.budget, window.limit, measurement, reading
                ):
                    window.add(reading, now_ns)
            # Profilers slow an armed call down, so only limits that they do not affect can break.
            if is_broken or EVIDENCE not in measurement.slowed_by:
                self._count_good(measurement.outcome, int(not is_broken), int(is_broken), now_ns)

    def add_sample(self, readings: Mapping[Metric, Reading]) -> None:
        """Add one sample of the process."""
        now_ns = self._clock.monotonic_ns()
        with busy, self._lock:
            for window in self._windows:
                if (reading := readings.get(window.limit.metric)) is not None:
                    window.add(reading, now_ns)

    def add_tries(self, hits: int, misses: int) -> None:
        """Add hits and misses. Safe from any thread, without a lock."""
        if hits:
            self._hits.append(hits)
        if misses:
            self._misses.append(misses)
        if len(self._hits) + len(self._misses) >= _MOST_TRIES and not defer(self._drain):
            self._drain()

    def _count_good(self, outcome: Outcome, within: int, beyond: int, now_ns: int) -> None:
        """Count calls for the objective: those that failed or broke a limit are bad."""
        if self._objective is None:
            return
        if outcome is Outcome.ERROR:
            within, beyond = 0, within + beyond
        elif outcome is Outcome.CANCELLED:
            # The full duration of a call cancelled within its limit is unknown: not good, not bad.
            within = 0
        self._objective.add(within, beyond, now_ns)

    def _drain(self) -> None:
        """Move queued durations, tries and concurrency levels into the windows."""
        # Not under the lock: a counter locks itself first, then the windows in `consume`. The
        # reverse order here could deadlock with another thread.
        for bulk_counter in tuple(self._tallies):
            bulk_counter.drain()
        with busy, self._lock:
            now_ns = self._clock.monotonic_ns()
            self._take_levels(now_ns, with_those_running=True)
            self._take_tries(now_ns)

    def _take_tries(self, now_ns: int) -> None:
        hits, misses = _emptied(self._hits), _emptied(self._misses)
        if not hits + misses:
            return
        for window in self._windows:
            if window.limit.metric is Metric.HIT_RATIO:
                window.add_fraction(hits, hits + misses, now_ns)

    def _take_levels(self, now_ns: int, *, with_those_running: bool) -> None:
        if self.in_flight is None:
            return
        for level, count in self.in_flight.drain(now=with_those_running).items():
            reading = Reading(value=float(level), scope=Scope.PROCESS)
            for window in self._windows:
                if window.limit.metric is Metric.CONCURRENCY:
                    window.add(reading, now_ns, count)

    # -- judging

    def judge_if_due(self) -> None:
        """Evaluate and deliver, if a sub-window has passed since the last evaluation."""
        if self._clock.monotonic_ns() >= self._due_ns:
            self.judge()

    def judge(self) -> None:
        """Evaluate every window now, and deliver the transitions."""
        news = self._news()
        if not news:
            return
        if (capture := self.capture) is not None:
            news = capture.explain(news)
            for violation in news:
                if violation.severity is not Severity.INFO:
                    capture.arm(violation)
        deliver_quietly(news, self.sinks_for or settings.current().router.sinks_for)

    def verdicts(self) -> tuple[Verdict, ...]:
        """Return a current verdict for every limit and the objective."""
        self._drain()
        with busy, self._lock:
            now_ns = self._clock.monotonic_ns()
            return tuple(window.judge(self.budget, now_ns) for window, _ in self._alerts)

    def _news(self) -> tuple[Violation, ...]:
        """Evaluate every window; return the violations and recoveries since the last evaluation."""
        self._drain()
        changes: list[Transition] = []
        states = []
        with busy, self._lock:
            now_ns, at_ns = self._clock.monotonic_ns(), self._clock.time_ns()
            self._due_ns = now_ns + round(self.tick_seconds * 1e9)
            for window, alert in self._alerts:
                state = window.state(now_ns)
                states.append((window.limit, state))
                if alert.is_at(state):
                    continue
                change = alert.update(window.judge(self.budget, now_ns), at_ns)
                if change is not None:
                    changes.extend(_told_of(change, window, at_ns))
        # Outside the lock: telemetry is code of another library and may block.
        now = settings.current()
        for judged in states:
            internal_errors.suppress("telemetry", now.telemetry.count_window, self.budget, *judged)
        return tuple(
            violation_of(
                change.verdict,
                change.severity,
                self.where,
                at_ns,
                samples=change.verdict.samples,
                since_ns=change.since_ns,
                is_recovery=change.is_recovery,
                environment=now.environment,
            )
            for change in changes
        )


def _emptied(counts: list[int]) -> int:
    """Empty a list to which other threads only append; return the sum."""
    # The size is read once: an element appended after that is left for the next time.
    size = len(counts)
    total = sum(counts[:size])
    del counts[:size]
    return total


def needs_windows(budget: Budget) -> bool:
    """Return whether `budget` needs windows: concurrency is counted there too."""
    return budget.objective is not None or any(
        limit.statistic is not Statistic.EACH or limit.metric is Metric.CONCURRENCY
        for limit in budget.limits
    )


def _tick_of(limits: Sequence[Limit]) -> float:
    """Return the evaluation interval in seconds: about one sub-window of the shortest window."""
    shortest = min((limit.window for limit in limits if limit.window), default=60.0)
    return min(max(shortest / SUB_WINDOWS, _SHORTEST_TICK_SECONDS), _LONGEST_TICK_SECONDS)


def _that_count(outcome: Outcome, ordered: Sequence[int], limit: Limit) -> Sequence[int]:
    """Return the durations to count: of cancelled calls only those that broke the limit."""
    if outcome is not Outcome.CANCELLED:
        return ordered
    if limit.direction is Direction.AT_LEAST:
        return ()
    return ordered[bisect_right(ordered, last_ns_within(limit.threshold)) :]


def _counts(budget: Budget, limit: Limit, measurement: Measurement, reading: Reading) -> bool:
    if slowing_tools(budget, limit.metric, measurement):
        return False
    return reading.value is None or not is_cut_short(limit, measurement, reading.value)


def _count_calls(window: LimitWindow, outcome: Outcome, calls: int, now_ns: int) -> None:
    if outcome is Outcome.CANCELLED:
        return
    if window.limit.metric is Metric.THROUGHPUT:
        window.add_fraction(calls, calls, now_ns)
    elif window.limit.metric is Metric.ERROR_RATIO:
        window.add_fraction(calls if outcome is Outcome.ERROR else 0, calls, now_ns)


def _told_of(
    change: Transition, window: LimitWindow | ObjectiveWindow, at_ns: int
) -> Iterator[Transition]:
    """Yield the transitions to report for `change`.

    An objective has several alerts. A recovery is of the alert that began. Where a page is over and
    a ticket remains, both are reported.
    """
    verdict, over = change.verdict, change.over
    if over is None or isinstance(window, LimitWindow):
        yield change
        return
    value = window.burn_rate_over(over.limit)
    yield evolve(change, verdict=evolve(verdict, limit=over.limit, value=value))
    if verdict.state is not State.MET and verdict.severity is not None:
        yield Transition(verdict=verdict, since_ns=at_ns, severity=verdict.severity)
