"""How deep this thread is in deliveries that led to one another.

A sink may break a budget itself, while it delivers. That violation is delivered too; what breaks
while *it* is delivered is not, or one sink could keep the process busy for ever.
"""

from __future__ import annotations

import sys
import threading
from typing import Final

DEEPEST: Final = 2
"""Violations that come up in deliveries this deep are dropped."""


class _Here(threading.local):
    """Of one thread. No context variable: a finalizer may set it."""

    depth = 0


here: Final = _Here()
"""`depth` is 0 where nothing is being delivered, 1 while a violation of the application is."""


def depth_here() -> int:
    """Return how deep this thread is, or the task of a callback that runs in it."""
    callback = sys.modules.get("perfkit.sinks.endings.callback")
    is_within_callback = callback is not None and callback.is_delivering.get()
    return max(here.depth, DEEPEST if is_within_callback else 0)
