"""How deep this thread is in deliveries that led to one another.

A sink may break a budget itself, while it delivers. That violation is delivered too; what breaks
while *it* is delivered is not, or one sink could keep the process busy for ever.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

MAX_DEPTH: Final = 2
"""Violations that come up in deliveries this deep are dropped."""


class _Here(threading.local):
    """Of one thread. No context variable: a finalizer may set it."""

    depth = 0
    queued: object = None


thread_state: Final = _Here()
"""`depth` is 0 where nothing is being delivered, 1 while a violation of the application is.
`queued` is what this thread has put into a queue last: from then on others account for it."""


is_delivering: Final[ContextVar[bool]] = ContextVar("perfkit_is_delivering", default=False)
"""Whether what runs here is the coroutine of a callback, in a task of its own."""

origin_loop: Final[ContextVar[asyncio.AbstractEventLoop | None]] = ContextVar(
    "perfkit_origin_loop", default=None
)
"""The event loop in which the measured call ran, for a delivery in another thread."""


def current_depth() -> int:
    """Return how deep this thread is, or the task of a callback that runs in it."""
    return max(thread_state.depth, MAX_DEPTH if is_delivering.get() else 0)
