"""Tell what a sink raises from what a signal handler raises while the sink works.

Python runs the handlers of signals in the main thread, wherever that is just then. What they raise,
such as `KeyboardInterrupt` or the `SystemExit` of a handler of SIGTERM, is the application's.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any


def is_signal_exception(error: BaseException) -> bool:
    """Tell whether `error` is none of the sink's, and so has to go on to the application."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return isinstance(error, KeyboardInterrupt) or _comes_of_handler(error)


def _comes_of_handler(error: BaseException) -> bool:
    handlers = set(_handlers())
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    """Yield the code of each function that handles a signal."""
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if not callable(handler):
            continue
        for function in (handler, getattr(type(handler), "__call__", None)):  # noqa: B004 - its code is wanted
            code = getattr(function, "__code__", None)
            if isinstance(code, CodeType):
                yield code
