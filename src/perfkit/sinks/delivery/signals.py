"""Distinguish exceptions of sinks from those that a signal handler raises while a sink works.

Python runs the handlers of signals in the main thread, at any point of its code. Their exceptions,
such as `KeyboardInterrupt` or the `SystemExit` of a handler of SIGTERM, belong to the application.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any


def is_signal_exception(error: BaseException) -> bool:
    """Return whether a signal handler raised `error`, so that it has to reach the application."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return isinstance(error, KeyboardInterrupt) or _is_of_handler(error)


def _is_of_handler(error: BaseException) -> bool:
    handlers = set(_handlers())
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    """Yield the code of each signal handler."""
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if not callable(handler):
            continue
        for function in (handler, getattr(type(handler), "__call__", None)):  # noqa: B004 - for its code
            code = getattr(function, "__code__", None)
            if isinstance(code, CodeType):
                yield code
