"""All windows of the process: found by budget, evaluated by the scheduler. Nothing here raises."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from perfkit.forks import register_after_fork
from perfkit.model import Budget, Clock, CodeLocation, Sink, Verdict
from perfkit.reentrancy import Lock, busy, defer
from perfkit.runtime import deferred_calls, internal_errors, settings
from perfkit.runtime.result import SinksFor
from perfkit.runtime.scheduler import PeriodicTask, scheduler
from perfkit.runtime.state import state
from perfkit.runtime.windows import BudgetWindows, needs_windows

if TYPE_CHECKING:
    from perfkit.runtime.evidence_capture import EvidenceCapture

_MOST_WINDOWS: Final = 10_000


class _Registry:
    def __init__(self) -> None:
        self.lock = Lock()
        self.windows: dict[Any, BudgetWindows] = {}
        self.job: PeriodicTask | None = None
        register_after_fork(self)

    def in_force(self) -> list[BudgetWindows]:
        with self.lock:
            everything = list(self.windows.values())
        return [each for each in everything if each.generation == state.generation]

    def find(
        self,
        key: object,
        make: Callable[[Clock], BudgetWindows],
        update: Callable[[BudgetWindows], None],
        *,
        is_of_calls: bool,
    ) -> BudgetWindows:
        """Return the windows for `key` and the clock in force, made if there are none.

        `update` changes them before they are evaluated under the present generation.
        """
        clock = settings.current().clock
        # The same for every `SystemClock`, so that windows survive a change of the settings.
        key = (key, clock.monotonic_ns)
        with busy, self.lock:
            if key not in self.windows:
                # Bounded, because limits computed at run time make new windows each time.
                if is_of_calls and len(self.windows) >= _MOST_WINDOWS:
                    self.windows.clear()
                self.windows[key] = make(clock)
            found = self.windows[key]
            update(found)
            found.generation = state.generation
        return found

    def after_fork_in_child(self) -> None:
        """Evaluate only the child's calls, and replace locks that other threads may have locked."""
        deferred_calls.pending.clear()
        self.lock = Lock()
        for windows in self.windows.values():
            windows.after_fork_in_child()
        state.lock = Lock()
        internal_errors.after_fork_in_child()
        if state.settings is not None:
            state.settings.overhead_limit.after_fork_in_child()
            state.settings.captures.after_fork_in_child()
            if not state.settings.telemetry.is_settled():
                # Servers that fork set the providers in the child, after this hook. A new plan
                # looks for them at each of its first calls.
                self.start_generation(state.revision)

    def start_generation(self, revision: int) -> None:
        """Outdate every plan under the same settings; the windows stay in force."""
        in_force = self.in_force()
        state.revision = revision
        state.generation += 1
        for windows in in_force:
            windows.generation = state.generation


_registry: Final = _Registry()


def windows_for(
    budget: Budget,
    where: CodeLocation,
    sinks: Sequence[Sink | str] | None,
    sinks_for: SinksFor,
    capture: EvidenceCapture | None,
) -> BudgetWindows | None:
    """Return the windows of `budget`; None if it has no limit over a window and no objective.

    Callsites with equal limits and sinks share windows. Windows survive a change of the settings,
    unless their limits change. `sinks_for` is used where the callsite has `sinks` of its own.
    """
    if not needs_windows(budget):
        return None
    promise = (budget.name, budget.category, budget.critical, budget.limits, budget.objective)
    key = (promise, identity_of(sinks))

    def make(clock: Clock) -> BudgetWindows:
        return BudgetWindows(budget, where, clock)

    def update(windows: BudgetWindows) -> None:
        windows.sinks_for = None if sinks is None else sinks_for
        windows.capture = capture

    found = _registry.find(key, make, update, is_of_calls=True)
    if found.is_of_system_clock:
        _tick(found.tick_seconds)
    return found


def windows_of_process(budget: Budget, owner: object) -> BudgetWindows:
    """Return windows for samples of the whole process, which `owner` fills and evaluates."""
    where = CodeLocation(function=f"process {os.getpid()}")
    key = (budget, id(owner))

    def make(clock: Clock) -> BudgetWindows:
        return BudgetWindows(budget, where, clock, judges_each=True)

    def update(windows: BudgetWindows) -> None:
        windows.where = where

    return _registry.find(key, make, update, is_of_calls=False)


def drop(windows: BudgetWindows) -> None:
    """Remove these windows from evaluation."""
    with busy, _registry.lock:
        _registry.windows = {
            key: each for key, each in _registry.windows.items() if each is not windows
        }


def evaluate_windows() -> tuple[Verdict, ...]:
    """Evaluate every window now, deliver the transitions, and return the verdicts.

    The scheduler evaluates windows about once in each sixtieth of their length; this is for tests,
    for the end of a job, and for pages that show the state of a service.

    Returns:
        One verdict for each limit over a window and each objective, of the callsites that were
        called under the settings in force. `no_data` where there are too few samples.

    Safe from any thread.
    """
    deferred_calls.drain()
    look_for_providers()
    verdicts: list[Verdict] = []
    for windows in _registry.in_force():
        internal_errors.suppress("windows", windows.judge)
        verdicts.extend(windows.verdicts())
    return tuple(verdicts)


def look_for_providers() -> None:
    """Outdate every plan if the application has set a provider since the last check.

    Costs two reads of variables without a new provider. Safe from any thread.
    """
    now = state.settings
    if now is None:
        return
    revision = now.telemetry.revision()
    if revision != state.revision and not defer(_renew_plans, revision):
        _renew_plans(revision)


def _renew_plans(revision: int) -> None:
    # The lock order of `settings.current`, which starts the process monitor under the state lock.
    with state.lock, busy, _registry.lock:
        _registry.start_generation(revision)


def forget() -> None:
    """Drop every window, and cancel their periodic evaluation."""
    with busy, _registry.lock:
        _registry.windows.clear()
        job, _registry.job = _registry.job, None
    # Outside the lock: `cancel` waits for the thread, which may wait for the lock in its task.
    if job is not None:
        scheduler.cancel(job)


def identity_of(sinks: Sequence[Sink | str] | None) -> tuple[object, ...] | None:
    """Return a key for a choice of sinks; functions are identified by their code object.

    A block in a function creates its callback at each entry, and must reuse its windows.
    """
    return None if sinks is None else tuple(map(_identity, sinks))


def _identity(sink: Sink | str) -> object:
    if isinstance(sink, str):
        return sink
    function = getattr(sink, "function", None)
    return getattr(function, "__code__", None) or id(sink)


def _tick(seconds: float) -> None:
    with busy, _registry.lock:
        if _registry.job is None:
            _registry.job = scheduler.every(seconds, _judge_due, "windows")
        job = _registry.job
    if seconds < job.seconds:
        scheduler.speed_up(job, seconds)


def _judge_due() -> None:
    """Evaluate the windows that are due, and charge the cost to the overhead limit."""
    began_ns = time.thread_time_ns()
    deferred_calls.drain()
    look_for_providers()
    for windows in _registry.in_force():
        if windows.is_of_system_clock:
            internal_errors.suppress("windows", windows.judge_if_due)
    settings.current().overhead_limit.spend(time.thread_time_ns() - began_ns)
