"""Calls whose end came where nothing can be reported; somebody else takes them up."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Final

from perfkit.runtime import internal_errors

pending: Final[deque[Callable[[], object]]] = deque()
"""What is to be done for them. Look here first: `drain` costs more."""


def is_within_an_sdk() -> bool:
    """Tell whether this runs within OpenTelemetry's SDK, which may hold locks that reporting takes.

    Garbage collection may run a generator's finalizer in the thread that collects metrics.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect costs a thousand times as much
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("opentelemetry.sdk."):
            return True
        frame = frame.f_back
    return False


def drain(*, is_safe: bool = False) -> None:
    """Do what was left, unless this is no place for it either.

    Args:
        is_safe: The caller knows that it holds no lock of the SDK, though the SDK has called it.
    """
    if not pending or not (is_safe or not is_within_an_sdk()):
        return
    while pending:
        try:
            end = pending.popleft()
        except IndexError:  # another thread was faster
            return
        internal_errors.suppress("call", end)
