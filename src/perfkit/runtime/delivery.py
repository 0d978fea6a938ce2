"""Take violations to their sinks. Nothing here raises but what the raise sink is for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from perfkit.errors import BudgetExceeded
from perfkit.model import Sink, Violation
from perfkit.runtime import faults


class _Here(threading.local):
    """Whether this thread delivers. No context variable: a finalizer may come here."""

    is_delivering = False


_here: Final = _Here()


def deliver(
    violations: Iterable[Violation],
    sinks_for: Callable[[Violation], Sequence[Sink]],
    in_flight: BaseException | None,
) -> None:
    """Give each violation to its sinks; then raise, if a raise sink was among them.

    A sink that breaks a budget itself does not deliver again: that is counted as a fault.

    Args:
        violations: What was broken in one call.
        sinks_for: Chooses the sinks of a violation.
        in_flight: The exception that the call itself ended with; it is never replaced, the
            violations go onto it as a note.

    Raises:
        BudgetExceeded: With every violation that a raise sink was given.
    """
    if _here.is_delivering:
        faults.report("delivery", RecursionError("a sink broke a budget while it delivered one"))
        return
    _here.is_delivering = True
    try:
        raised = [v for violation in violations for v in _emit(violation, sinks_for)]
    finally:
        _here.is_delivering = False
    if raised and in_flight is None:
        raise BudgetExceeded(raised)
    if raised and in_flight is not None:
        in_flight.add_note("\n".join(violation.describe() for violation in raised))


def deliver_quietly(
    violations: Iterable[Violation], sinks_for: Callable[[Violation], Sequence[Sink]]
) -> None:
    """Do as `deliver`, where there is no call to raise out of: that violation is logged instead."""
    try:
        deliver(violations, sinks_for, None)
    except BudgetExceeded as exceeded:
        tell_of_unraised(exceeded)


def tell_of_unraised(exceeded: BudgetExceeded) -> None:
    """Log what a raise sink was chosen for, where there is no call to raise it out of."""
    for violation in exceeded.violations:
        faults.logger.warning("perfkit: no call to raise this out of: %s", violation.describe())


def _emit(
    violation: Violation, sinks_for: Callable[[Violation], Sequence[Sink]]
) -> Sequence[Violation]:
    """Give one violation to its sinks; return what is to be raised."""
    raised: Sequence[Violation] = ()
    for sink in faults.guarded("routing", sinks_for, violation) or ():
        try:
            sink.emit(violation)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises must not reach the application
            if isinstance(error, BudgetExceeded) and getattr(sink, "reaches_caller", False):
                raised = error.violations
            else:
                faults.report(f"sink {type(sink).__name__}", error)
    return raised
