"""Let a broken budget reach the caller."""

from __future__ import annotations

from perfkit.errors import BudgetExceeded
from perfkit.model import State, Violation
from perfkit.sinks.arguments import checked_flag


class RaiseSink:
    """Raises `BudgetExceeded` out of the measured call, after all other sinks.

    Only broken thresholds raise, never a missed target. If the call itself failed, its own
    exception propagates, with the violation as a note on it.

    Args:
        contended: Raise also for values that contain the cost of other measured code.

    Raises:
        ConfigurationError: If `contended` is neither True nor False.
    """

    destination = "the caller"
    reaches_caller = True

    def __init__(self, *, contended: bool = False) -> None:
        self._contended = checked_flag("contended", contended)

    def emit(self, violation: Violation) -> None:
        """Raise, if the threshold is broken beyond doubt."""
        if violation.is_recovery:
            return
        if violation.state is State.VIOLATED and (self._contended or not violation.contended):
            raise BudgetExceeded([violation])
