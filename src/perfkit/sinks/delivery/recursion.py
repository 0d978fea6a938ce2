"""The depth of nested deliveries in this thread, which bounds recursion through sinks.

A sink may violate a budget itself while it delivers. That violation is delivered too; a violation
during *its* delivery is dropped, or one sink could keep the process busy for ever.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

MAX_DEPTH: Final = 2
"""Violations during deliveries at this depth are dropped."""


class _ThreadState(threading.local):
    """The state of one thread. Not a context variable: a finalizer may set it."""

    depth = 0
    queued: object = None


thread_state: Final = _ThreadState()
"""`depth` is 0 outside of deliveries and 1 during that of a violation of the application.
`queued` is the item that this thread queued last: from then on the queue counts it."""


is_delivering: Final[ContextVar[bool]] = ContextVar("perfkit_is_delivering", default=False)
"""Whether this is the coroutine of a callback, in a task of its own."""

origin_loop: Final[ContextVar[asyncio.AbstractEventLoop | None]] = ContextVar(
    "perfkit_origin_loop", default=None
)
"""The event loop in which the measured call ran, for a delivery in another thread."""
