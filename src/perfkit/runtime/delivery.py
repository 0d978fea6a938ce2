"""Take violations to their sinks. Nothing here raises but what the raise sink is for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from perfkit.errors import BudgetExceeded
from perfkit.forks import register_after_fork
from perfkit.model import Sink, Verdict, Violation
from perfkit.runtime import internal_errors
from perfkit.sinks.delivery.recursion import MAX_DEPTH, current_depth, thread_state
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats

SinksFor = Callable[[Violation], Sequence[Sink]]


class _Delivering(threading.local):
    """What this thread delivers. No context variable: a finalizer may come here."""

    is_busy = False

    def __init__(self) -> None:
        self.later: deque[tuple[tuple[Violation, ...], SinksFor]] = deque()

    def after_fork_in_child(self) -> None:
        """Deliver nothing, in the child of a fork: it may have been forked by a sink."""
        self.is_busy, thread_state.depth = False, 0
        self.later.clear()


_delivering: Final = _Delivering()
register_after_fork(_delivering)


def deliver(
    violations: Iterable[Violation],
    sinks_for: SinksFor,
    in_flight: BaseException | None,
    verdicts: Sequence[Verdict] = (),
) -> None:
    """Give each violation to its sinks; then raise, if a raise sink was among them.

    What comes up meanwhile in this thread waits until that is done: a sink may break a budget
    itself, and garbage collection may end an deferred_calls call. That is not raised any more.

    Args:
        violations: What was broken in one call.
        sinks_for: Chooses the sinks of a violation.
        in_flight: The exception that the call itself ended with; it is never replaced, the
            violations go onto it as a note.
        verdicts: Every judgement of the call, for the exception.

    Raises:
        BudgetExceeded: With every violation that a raise sink was given.
    """
    if _delivering.is_busy:
        _delivering.later.append((tuple(violations), sinks_for))
        return
    depth = current_depth()
    if depth >= MAX_DEPTH:
        _drop(violations, sinks_for)
        return
    raised = _deliver_at(depth + 1, violations, sinks_for)
    _catch_up(depth + 1)
    if raised and in_flight is None:
        raise BudgetExceeded(raised, verdicts)
    if raised and in_flight is not None:
        note = "\n".join(violation.describe() for violation in raised)
        internal_errors.suppress(
            "raise", in_flight.add_note, note
        )  # an exception may do anything with it


def deliver_quietly(violations: Iterable[Violation], sinks_for: SinksFor) -> None:
    """Do as `deliver`, where there is no call to raise out of: that violation is logged instead."""
    try:
        deliver(violations, sinks_for, None)
    except BudgetExceeded as exceeded:
        tell_of_unraised(exceeded)


def tell_of_unraised(exceeded: BudgetExceeded) -> None:
    """Log what a raise sink was chosen for, where there is no call to raise it out of."""
    _tell(exceeded.violations)


def _tell(violations: Sequence[Violation]) -> None:
    for violation in violations:
        internal_errors.logger.warning(
            "perfkit: no call to raise this out of: %s", violation.describe()
        )


def _deliver_at(
    depth: int, violations: Iterable[Violation], sinks_for: SinksFor
) -> list[Violation]:
    """Give violations to their sinks; return what is to be raised."""
    before = thread_state.depth
    _delivering.is_busy, thread_state.depth = True, depth
    try:
        return [raised for each in violations for raised in _emit(each, sinks_for)]
    finally:
        _delivering.is_busy, thread_state.depth = False, before


def _catch_up(depth: int) -> None:
    """Deliver what came up meanwhile."""
    while _delivering.later:
        violations, sinks_for = _delivering.later.popleft()
        if depth >= MAX_DEPTH:
            _drop(violations, sinks_for)
        else:
            _tell(_deliver_at(depth + 1, violations, sinks_for))
            _catch_up(depth + 1)


def _drop(violations: Iterable[Violation], sinks_for: SinksFor) -> None:
    """Count violations that come of delivering one that came of delivering one."""
    for violation in violations:
        for sink in _sinks_of(violation, sinks_for):
            stats = getattr(sink, "stats", None)
            if isinstance(stats, DeliveryStats):
                stats.take()
                stats.drop("recursion")
    internal_errors.report(
        "delivery", RecursionError("a sink broke a budget while it delivered one")
    )


def _emit(violation: Violation, sinks_for: SinksFor) -> Iterator[Violation]:
    """Give one violation to its sinks; yield what is to be raised."""
    for sink in _sinks_of(violation, sinks_for):
        try:
            sink.emit(violation)
        except Exception as error:  # whatever a sink raises must not reach the application
            if is_signal_exception(error):
                raise
            if isinstance(error, BudgetExceeded) and getattr(sink, "reaches_caller", False) is True:
                yield from error.violations
            else:
                internal_errors.report(f"sink {type(sink).__name__}", error)


def _sinks_of(violation: Violation, sinks_for: SinksFor) -> Sequence[Sink]:
    return internal_errors.suppress("routing", sinks_for, violation) or ()
