"""Calls that ended where reporting could deadlock; a later call reports them."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Final

from perfkit.runtime import internal_errors

pending: Final[deque[Callable[[], object]]] = deque()
"""Functions that report the calls. Check it before `drain`, which costs more."""


def is_within_an_sdk() -> bool:
    """Return whether the OpenTelemetry SDK is on the stack: it may have locked its metrics.

    Garbage collection may run a generator's finalizer in the thread that collects metrics.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect costs a thousand times as much
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("opentelemetry.sdk."):
            return True
        frame = frame.f_back
    return False


def drain(*, is_safe: bool = False) -> None:
    """Report the pending calls, unless the SDK is on the stack here too.

    Args:
        is_safe: The SDK called this without a lock of its own, so reporting cannot deadlock.
    """
    if not pending or not (is_safe or not is_within_an_sdk()):
        return
    while pending:
        try:
            end = pending.popleft()
        # Another thread may have emptied the deque between the check and `popleft`.
        except IndexError:
            return
        internal_errors.suppress("call", end)
