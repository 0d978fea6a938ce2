"""Defer the end of a call while perfkit is busy in the same thread.

Python may run a finalizer at almost any point, in any thread that allocates memory. The finalizer
of an abandoned, measured generator ends a call, perhaps while the same thread counts another call.
The end of a call is therefore deferred while perfkit is busy in this thread, and runs right after.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, ParamSpec

P = ParamSpec("P")


class _Here(threading.local):
    """The state of one thread.

    `frames` are those of sections under `busy`, `depth` counts the nested sections that do not use
    it, and `later` are the deferred calls.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.frames: list[FrameType] = []
        self.later: list[Callable[[], object]] = []
        self.is_running_deferred = False


thread_state = _Here()
"""Of the present thread. Where each nanosecond counts, code adds to `depth` by itself, takes it off
again in a ``finally``, and then calls `run_deferred` if something waits.
"""


if sys.version_info[:2] == (3, 14):  # pragma: no cover - tested on 3.14

    class Lock(type(threading.RLock())):  # type: ignore[misc]  # the type has no public name
        """A reentrant lock that no signal handler leaves locked.

        CPython 3.14 looks for signals between taking a lock in ``with lock:`` and entering the
        block (python/cpython issue 148874). A handler that raises there leaves a plain lock locked
        for ever. Here a ``for`` takes it, after which nothing looks until the block is entered, and
        a function in C releases it.
        """

        __slots__ = ()

        def __enter__(self) -> bool:
            for is_taken in iter(self.acquire, None):
                return is_taken
            raise AssertionError

else:
    Lock = threading.RLock


def run_deferred() -> None:
    """Run the deferred calls, unless perfkit is still busy in this thread."""
    # A deferred call enters `busy` itself, and would start a nested run when it leaves.
    if thread_state.is_running_deferred or is_busy_here():
        return
    thread_state.is_running_deferred = True
    try:
        # Not a `for`: a finalizer may defer another call while one runs.
        while thread_state.later:
            thread_state.later.pop(0)()
    finally:
        thread_state.is_running_deferred = False


class _AtWork:
    # A frame and not a count: if a signal handler raises before `__exit__`, a count would never
    # return to zero. `is_busy_here` detects a frame that has left the stack.

    def __enter__(self) -> None:
        thread_state.frames.append(sys._getframe(1))  # noqa: SLF001 - inspect costs a thousand times as much

    def __exit__(self, *_: object) -> None:
        thread_state.frames.pop()
        if thread_state.later:
            run_deferred()


busy: Final = _AtWork()
"""Under ``with busy, lock:`` no call ends.

In this order, and with a `Lock`: it releases without running Python code, so no signal handler can
raise before it has done so.
"""


def is_busy_here() -> bool:
    """Return whether perfkit is busy in this thread."""
    # A signal handler that raises, such as that of Ctrl-C, may interrupt the exit from `busy`, so
    # that its frame remains. Frames that have left the stack are removed here.
    if thread_state.depth:
        return True
    if thread_state.frames:
        running = set()
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
        while frame is not None:
            running.add(frame)
            frame = frame.f_back
        thread_state.frames[:] = [each for each in thread_state.frames if each in running]
    return bool(thread_state.frames)


def defer(function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Defer a call of `function` if perfkit is busy in this thread; return whether it did."""
    if not is_busy_here():
        return False
    thread_state.later.append(lambda: function(*args, **kwargs))
    return True
