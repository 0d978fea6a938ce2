"""Locks that a call may end under.

Python may run a finalizer at almost any point, in whichever thread allocates: an abandoned
generator that is measured then ends a call while the same thread is in the middle of counting
another one. So what happens at the end of a call is put off while perfkit is at work in this
thread, and done right after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec

P = ParamSpec("P")


class _Here(threading.local):
    """What this thread is doing.

    Attributes:
        depth: In how many places at once perfkit is at work.
        later: What is to be done after that.
        is_catching_up: Whether that is being done.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.later: list[Callable[[], object]] = []
        self.is_catching_up = False


here = _Here()
"""Of the present thread. Where each nanosecond counts, code adds to `depth` by itself, takes it off
again in a ``finally``, and then calls `catch_up` if something waits.
"""


def catch_up() -> None:
    """Do what was put off, unless perfkit is still at work."""
    if here.depth or here.is_catching_up:
        return
    here.is_catching_up = True
    try:
        while here.later:
            here.later.pop(0)()
    finally:
        here.is_catching_up = False


class Lock:
    """A lock that its thread may take again, and under which no call ends. Not fair."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        here.depth += 1
        try:
            self._lock.acquire()
        except BaseException:  # a signal handler has raised, perhaps with the lock taken already
            here.depth -= 1
            if not here.depth:
                with suppress(RuntimeError):  # it was not taken
                    self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._lock.release()
        finally:
            here.depth -= 1
        if here.later:
            catch_up()


def put_off(function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Call `function` later, if perfkit is at work in this thread; tell whether it is."""
    if not here.depth:
        return False
    here.later.append(lambda: function(*args, **kwargs))
    return True
