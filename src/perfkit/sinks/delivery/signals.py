"""Distinguish exceptions of sinks from those that a signal handler raises while a sink works.

Python runs the handlers of signals in the main thread, at any point of its code. Their exceptions,
such as `KeyboardInterrupt` or the `SystemExit` of a handler of SIGTERM, belong to the application.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from functools import partial
from traceback import walk_tb
from types import CodeType
from typing import Any


def is_signal_exception(error: BaseException) -> bool:
    """Return whether a signal handler raised `error`, so that it has to reach the application."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = set(_handlers())
    return any(frame.f_code in handlers for frame, _ in walk_tb(error.__traceback__))


def _handlers() -> Iterator[CodeType]:
    """Yield the code of each signal handler."""
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if not callable(handler):
            continue  # a member of `signal.Handlers`, of the code of all enumerations
        for function in (handler, getattr(type(handler), "__call__", None)):  # noqa: B004 - for its code
            code = getattr(function, "__code__", None)
            if isinstance(code, CodeType):
                yield code
