"""Find the frames of the measured code: on a thread's stack, or in the chain that a task awaits.

No function here stores a frame, because a frame keeps all its local variables alive.
"""

from __future__ import annotations

import contextlib
import gc
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
    """A line of code. File and line are empty and 0 for native code and the rest."""

    module: str
    name: str
    file: str
    line: int


Stack: TypeAlias = "tuple[Place, ...]"

OTHERS: Final[Stack] = (Place("", "(other stacks)", "", 0),)
NATIVE: Final[Stack] = (Place("", "(native code)", "", 0),)


def caller_of(frame: FrameType) -> tuple[FrameType | None, FrameType | None]:
    """Return perfkit's outermost frame around `frame`, and the user's frame that called it.

    The first called the measured code; for a ``with`` block the second is the measured code.
    """
    entry, outer = None, frame
    while is_perfkits(file := outer.f_code.co_filename) or file == _CONTEXTLIB:
        if file != _CONTEXTLIB:
            entry = outer
        if outer.f_back is None:
            return entry, None
        outer = outer.f_back
    return entry, outer


def running_frames(
    top: FrameType | None, entry: FrameType | None, caller: FrameType | None
) -> list[FrameType] | None:
    """Return the frames of the measured code, innermost first; None if it is not running.

    From `top`, the innermost frame of the thread, up to perfkit's frame that called the measured
    code, which is left out, or the user's frame with the ``with`` block, which is included.
    """
    # Bounded, because the thread runs on: its frames may change while this one follows them.
    frames: list[FrameType] = []
    frame = top
    while frame is not None and len(frames) < _DEEPEST:
        if frame is entry:
            return frames
        frames.append(frame)
        if frame is caller:
            return frames
        frame = frame.f_back
    return None


def awaited_frames(
    task: Any, top: FrameType | None, mark: int, *, is_inside: bool
) -> list[FrameType] | None:
    """Return the awaiting frames of the measured code in an asyncio task, innermost first, or None.

    Args:
        task: The task.
        top: The innermost frame of its thread, which may run an awaited task.
        mark: The identity of the outermost frame, below which the measured code is.
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
                return None  # it has just resumed, or is about to suspend
            found = [frame] if is_inside else []
    if not found:
        return found
    found.reverse()
    inner = (running_frames(top, found[0], None) if is_busy_here else None) or []
    return inner + found


def _chain(task: Any) -> Iterator[tuple[FrameType, bool]]:
    """Yield each frame of the awaited chain, outermost first, and whether it runs now."""
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
            # `ag_running` is true while the generator awaits too.
            is_busy_here = is_running and awaited is None
        elif type(awaited).__name__ in _TRANSPARENT:
            awaited = _wrapped_in(awaited)
        elif hasattr(awaited, "get_coro"):
            awaited = awaited.get_coro()
        else:
            return
        if frame is not None:
            yield frame, is_busy_here


def _driven_by(generator: GeneratorType[Any, Any, Any]) -> Any:
    """Return the coroutine that perfkit steps in place of awaiting it; None for others."""
    is_ours = is_perfkits(generator.gi_code.co_filename) and not generator.gi_running
    return _wrapped_in(generator) if is_ours else None


def _wrapped_in(awaited: Any) -> Any:
    """Return the first awaitable that `awaited` refers to, or None."""
    # No attribute leads there, so ask the garbage collector, as debuggers do.
    for thing in gc.get_referents(awaited):
        is_step = isinstance(thing, CoroutineType | GeneratorType | AsyncGeneratorType)
        if is_step or hasattr(thing, "get_coro") or type(thing).__name__ in _TRANSPARENT:
            return thing
    return None


def stack_of(frames: list[FrameType]) -> Stack:
    """Return the places of `frames`, which are innermost first, outermost first.

    Frames of perfkit and calls by its probes are left out; of a deep stack, the outer frames are.
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
