"""Locks that a call may end under.

Python may run a finalizer at almost any point, in whichever thread allocates: an abandoned
generator that is measured then ends a call while the same thread is in the middle of counting
another one. So what happens at the end of a call is put off while perfkit is at work in this
thread, and done right after.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, ParamSpec

P = ParamSpec("P")


class _Here(threading.local):
    """What this thread is doing.

    Attributes:
        depth: In how many places at once perfkit is at work that say so by themselves.
        frames: Those that are so by `at_work`.
        later: What is to be done after that.
        is_catching_up: Whether that is being done.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.frames: list[FrameType] = []
        self.later: list[Callable[[], object]] = []
        self.is_catching_up = False


here = _Here()
"""Of the present thread. Where each nanosecond counts, code adds to `depth` by itself, takes it off
again in a ``finally``, and then calls `catch_up` if something waits.
"""


def catch_up() -> None:
    """Do what was put off, unless perfkit is still at work."""
    if here.is_catching_up or is_at_work():
        return
    here.is_catching_up = True
    try:
        while here.later:
            here.later.pop(0)()
    finally:
        here.is_catching_up = False


class _AtWork:
    """Says that perfkit is at work in this thread while the block runs."""

    def __enter__(self) -> None:
        here.frames.append(sys._getframe(1))  # noqa: SLF001 - inspect costs a thousand times as much

    def __exit__(self, *_: object) -> None:
        here.frames.pop()
        if here.later:
            catch_up()


at_work: Final = _AtWork()
"""Under ``with at_work, lock:`` no call ends.

In this order, and with a lock of the standard library: that one lets go without running Python
code, so no signal handler can raise before it has done so.
"""


def is_at_work() -> bool:
    """Tell whether perfkit is at work in this thread.

    A signal handler that raises, as Ctrl-C does, may do so on the way out of `at_work`, which then
    never ends. So what has left the stack is forgotten here.
    """
    if here.depth:
        return True
    if here.frames:
        running = set()
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
        while frame is not None:
            running.add(frame)
            frame = frame.f_back
        here.frames[:] = [each for each in here.frames if each in running]
    return bool(here.frames)


def put_off(function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Call `function` later, if perfkit is at work in this thread; tell whether it is."""
    if not is_at_work():
        return False
    here.later.append(lambda: function(*args, **kwargs))
    return True
