"""Find the frames of the measured code: on a thread's stack, or in what a task awaits.

Nothing here keeps a frame, since a frame keeps all local variables alive.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import weakref
from collections.abc import Iterator
from itertools import islice
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final, NamedTuple, TypeAlias

from perfkit.probes.frame_owner import is_perfkits, is_probes

DEPTH: Final = 64
_DEEPEST: Final = 5000
_CONTEXTLIB: Final = contextlib.__file__
_TRANSPARENT: Final = frozenset(
    {
        "FutureIter",
        "StepwiseAwaitable",
        "anext_awaitable",
        "async_generator_asend",
        "async_generator_athrow",
        "coroutine_wrapper",
    }
)
"""Types that wrap an awaitable and have no attribute for it: Python's, and one of perfkit."""


class Place(NamedTuple):
    """A line of code. File and line are empty and 0 where it stands for no code in Python."""

    module: str
    name: str
    file: str
    line: int


Stack: TypeAlias = "tuple[Place, ...]"

OTHERS: Final[Stack] = (Place("", "(other stacks)", "", 0),)
NATIVE: Final[Stack] = (Place("", "(native code)", "", 0),)


def caller_of(frame: FrameType) -> tuple[FrameType | None, FrameType | None]:
    """Return perfkit's outermost frame of those that `frame` is in, and the user's around it.

    The measured code is either called by the first, or, in a ``with`` block, it is the second.
    """
    door, outer = None, frame
    while is_perfkits(file := outer.f_code.co_filename) or file == _CONTEXTLIB:
        if file != _CONTEXTLIB:
            door = outer
        if outer.f_back is None:
            return door, None
        outer = outer.f_back
    return door, outer


def current_task() -> weakref.ref[Any] | None:
    """Return the asyncio task that runs now in this thread, held weakly; None where there is none.

    An asyncio that nobody has imported is not loaded for this.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs here
        return None
    return None if task is None else weakref.ref(task)


def running_frames(
    top: FrameType | None, door: FrameType | None, caller: FrameType | None
) -> list[FrameType] | None:
    """Return the frames of the measured code, innermost first; None where it is not running.

    Args:
        top: The innermost frame of the thread.
        door: Perfkit's frame that the measured code was called by; it is left out.
        caller: The user's frame that a ``with`` block stands in; it is the last one returned.
    """
    frames: list[FrameType] = []
    frame = top
    while frame is not None and len(frames) < _DEEPEST:
        if frame is door:
            return frames
        frames.append(frame)
        if frame is caller:
            return frames
        frame = frame.f_back
    return None


def awaited_frames(
    task: Any, top: FrameType | None, mark: int, *, is_inside: bool
) -> list[FrameType] | None:
    """Return the frames that `task` awaits in, innermost first; None where it is not in there.

    Args:
        task: An asyncio task.
        top: The innermost frame of the task's thread, where an awaited task may be at work.
        mark: The identity of the frame below which the measured code is.
        is_inside: Whether that frame is of the measured code too.
    """
    found: list[FrameType] | None = None
    is_busy_here = False
    for frame, runs in islice(_chain(task), _DEEPEST):
        is_busy_here = runs
        if found is not None:
            found.append(frame)
        elif id(frame) == mark:
            if runs:
                return None  # it has just woken up, or is about to rest
            found = [frame] if is_inside else []
    if not found:
        return found
    found.reverse()
    inner = (running_frames(top, found[0], None) if is_busy_here else None) or []
    return inner + found


def _chain(task: Any) -> Iterator[tuple[FrameType, bool]]:
    """Yield each frame of what is awaited, outermost first, and whether it runs right now."""
    awaited = task
    for _ in range(_DEEPEST):
        frame, is_busy_here = None, False
        if isinstance(awaited, CoroutineType):
            frame, is_busy_here, awaited = awaited.cr_frame, awaited.cr_running, awaited.cr_await
        elif isinstance(awaited, GeneratorType):
            frame, is_busy_here = awaited.gi_frame, awaited.gi_running
            awaited = awaited.gi_yieldfrom or _driven_by(awaited)
        elif isinstance(awaited, AsyncGeneratorType):
            frame, is_running, awaited = awaited.ag_frame, awaited.ag_running, awaited.ag_await
            is_busy_here = (
                is_running and awaited is None
            )  # it counts as running while it awaits too
        elif type(awaited).__name__ in _TRANSPARENT:
            awaited = _stood_for(awaited)
        elif hasattr(awaited, "get_coro"):
            awaited = awaited.get_coro()
        else:
            return
        if frame is not None:
            yield frame, is_busy_here


def _driven_by(generator: GeneratorType[Any, Any, Any]) -> Any:
    """Return what perfkit drives step by step in place of awaiting it; None for others."""
    is_ours = is_perfkits(generator.gi_code.co_filename) and not generator.gi_running
    return _stood_for(generator) if is_ours else None


def _stood_for(awaited: Any) -> Any:
    """Return what `awaited` goes on to where no attribute says so: the first such that it holds."""
    for thing in gc.get_referents(awaited):
        is_step = isinstance(thing, CoroutineType | GeneratorType | AsyncGeneratorType)
        if is_step or hasattr(thing, "get_coro") or type(thing).__name__ in _TRANSPARENT:
            return thing
    return None


def stack_of(frames: list[FrameType]) -> Stack:
    """Return the places of `frames`, which are innermost first, outermost first.

    Frames of perfkit are left out, with what the probes call for themselves; of a deep stack the
    outer frames.
    """
    users: list[FrameType] = []
    for frame in frames:
        file = frame.f_code.co_filename
        if is_probes(file):
            users.clear()
        elif not is_perfkits(file):
            users.append(frame)
    places = [_place_of(frame) for frame in users[:DEPTH]]
    places.reverse()
    return tuple(places) or NATIVE


def _place_of(frame: FrameType) -> Place:
    code = frame.f_code
    module = frame.f_globals.get("__name__", "")
    line: int | None = frame.f_lineno  # None where the interpreter is between two lines
    return Place(str(module), code.co_qualname, code.co_filename, line or code.co_firstlineno)
