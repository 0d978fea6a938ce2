"""Every window of the process: found by budget, judged by the ticker. Nothing here raises."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from time import perf_counter_ns
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
    """The windows in use."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.windows: dict[Any, BudgetWindows] = {}
        self.job: PeriodicTask | None = None
        register_after_fork(self)

    def in_force(self) -> list[BudgetWindows]:
        with self.lock:
            everything = list(self.windows.values())
        return [each for each in everything if each.generation == state.generation]

    def after_fork_in_child(self) -> None:
        """Evaluate only the child's calls, and replace locks that other threads may have held."""
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
        """Have every plan made anew under the same settings; the windows stay in force."""
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

    Places that are held to the same, and send violations to the same sinks, share them. They go on
    when the settings change, unless what they hold changes.

    Args:
        budget: With all that holds at the place.
        where: The place.
        sinks: What the place names; None where the settings say who hears of violations.
        sinks_for: Chooses the sinks of a violation, for `sinks`.
        capture: Lets calls gather evidence after a violation.
    """
    if budget.objective is None and not any(needs_windows(limit) for limit in budget.limits):
        return None
    clock = settings.current().clock
    chosen = identity_of(sinks)
    promise = (budget.name, budget.category, budget.critical, budget.limits, budget.objective)
    key = (promise, chosen, 0 if is_system(clock) else id(clock))
    with busy, _registry.lock:
        found = _registry.windows.get(key)
        if found is None:
            if len(_registry.windows) >= _MOST_WINDOWS:
                _registry.windows.clear()
            found = _registry.windows[key] = BudgetWindows(budget, where, clock)
        found.sinks_for = None if sinks is None else sinks_for
        found.capture = capture
        found.generation = state.generation
    if is_system(clock):
        _tick(found.tick_seconds)
    return found


def windows_of_process(budget: Budget, owner: object) -> BudgetWindows:
    """Return windows for samples of the whole process, which `owner` fills and judges."""
    clock = settings.current().clock
    where = CodeLocation(function=f"process {os.getpid()}")
    key = (budget, id(owner), 0 if is_system(clock) else id(clock))
    with busy, _registry.lock:
        found = _registry.windows.get(key)
        if found is None:
            found = BudgetWindows(budget, where, clock, judges_each=True)
            _registry.windows[key] = found
        found.where = where
        found.generation = state.generation
        return found


def drop(windows: BudgetWindows) -> None:
    """Judge these windows no more."""
    with busy, _registry.lock:
        _registry.windows = {
            key: each for key, each in _registry.windows.items() if each is not windows
        }


def evaluate_windows() -> tuple[Verdict, ...]:
    """Judge every window now, deliver what has changed, and return how each limit stands.

    Windows are judged by themselves about once in each sixtieth of their length; this is for tests,
    for the end of a job, and for pages that show the state of a service.

    Returns:
        One verdict for each limit over a window and each objective, of the places that have been
        called under the settings now in force. `no_data` where there are too few samples.

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
    """Have every plan made anew if the application has set a provider since the last look.

    Costs two reads of variables where there is nothing new. Safe from any thread.
    """
    now = state.settings
    if now is None:
        return
    revision = now.telemetry.revision()
    if revision != state.revision and not defer(_renew_plans, revision):
        _renew_plans(revision)


def _renew_plans(revision: int) -> None:
    # The order of `settings.current`, which starts the process monitor under the lock of the state.
    with state.lock, busy, _registry.lock:
        _registry.start_generation(revision)


def forget() -> None:
    """Drop every window, and end the thread that judges them."""
    with busy, _registry.lock:
        _registry.windows.clear()
        job, _registry.job = _registry.job, None
    if job is not None:
        scheduler.cancel(job)


def is_system(clock: Clock) -> bool:
    """Tell whether `clock` is the machine's own, rather than one that a test sets."""
    return clock.monotonic_ns is perf_counter_ns


def identity_of(sinks: Sequence[Sink | str] | None) -> tuple[object, ...] | None:
    """Return what tells a choice of sinks from others; functions are told apart by their code.

    A block makes its function anew at each entry, and has the same windows all the same.
    """
    return None if sinks is None else tuple(map(_identity, sinks))


def _identity(sink: Sink | str) -> object:
    if isinstance(sink, str):
        return sink
    function = getattr(sink, "function", None)
    return getattr(function, "__code__", None) or id(sink)


def _tick(seconds: float) -> None:
    with busy, _registry.lock:
        job, _registry.job = (
            _registry.job,
            _registry.job or scheduler.every(seconds, _judge_due, "windows"),
        )
    if job is not None and seconds < job.seconds:
        scheduler.speed_up(job, seconds)


def _judge_due() -> None:
    """Judge the windows that are due, and account for what that costs."""
    began_ns = time.thread_time_ns()
    deferred_calls.drain()
    look_for_providers()
    for windows in _registry.in_force():
        if windows.is_of_system_clock:
            internal_errors.suppress("windows", windows.judge_if_due)
    settings.current().overhead_limit.spend(time.thread_time_ns() - began_ns)
