"""Defaults of probes and of their sessions, and the reasons for readings without a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from perfkit.model import Evidence, Reading, Scope

NEVER_RAN: Final = "the call ended before its first step"
FORKED: Final = "the process forked during the call, and this is the child"
NO_TIME: Final = "no time passed"


class ReadingProbe:
    """A probe that gathers no evidence, and does not slow a call down."""

    __slots__ = ()
    explains: Final = ""
    slows: Final = ""


class Session:
    """A session without evidence, which does nothing at the steps of the call."""

    # Sessions have slots: what they allocate counts for the memory of the calls around theirs.
    __slots__ = ()

    def resume(self) -> None:
        """Do nothing."""

    def suspend(self) -> None:
        """Do nothing."""

    # Not a function of Python's, which would cost more: every probed call runs it per session.
    evidence: ClassVar[Callable[..., Sequence[Evidence]]] = staticmethod(tuple)


def nothing(reason: str, scope: Scope = Scope.PROCESS) -> Reading:
    """Return a reading without a value."""
    return Reading(value=None, scope=scope, reason=reason)


def rate(amount: float, seconds: float, scope: Scope = Scope.PROCESS) -> Reading:
    """Return `amount` by time; without a value if no time passed."""
    if seconds <= 0:
        return nothing(NO_TIME, scope)
    return Reading(value=amount / seconds, scope=scope, fraction=(float(amount), seconds))
