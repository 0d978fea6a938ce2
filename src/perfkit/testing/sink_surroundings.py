"""What a sink leaves behind in its process, what it prints there, and what it does after a fork."""

from __future__ import annotations

import gc
import io
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from perfkit.testing.samples import PLAIN, sample_violations
from perfkit.testing.sink_trial import Trial, quoted, told

_POLL_SECONDS: Final = 0.005
_MOST_TOLD: Final = 2000


@contextmanager
def watching_what_it_changes(trial: Trial) -> Iterator[None]:
    """Note what is different in the process after the block: it belongs to the application."""
    threads = set(threading.enumerate())
    loggers = _loggers()
    before = {name: look() for name, look in _SHARED.items()}
    yield
    for name, look in _SHARED.items():
        if look() != before[name]:
            trial.note(
                "while it delivered",
                f"it changed {name}",
                "leave that to the application, or put it back at once",
            )
    if any(_of_logger(logger) != state for logger, state in loggers.items()):
        trial.note(
            "while it delivered",
            "it changed the configuration of logging",
            "write to a logger of its own, and leave handlers and levels to the application",
        )
    _look_at_threads(trial, threads)


@contextmanager
def watching_what_it_prints(trial: Trial, *, may_print: bool) -> Iterator[None]:
    """Take in what is printed within the block, and note that unless it may be so.

    What is logged where nobody has configured logging is not printed by the sink.
    """
    before = sys.stdout, sys.stderr, logging.lastResort
    # As strict as the streams of a program are.
    out, error = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors, write_through=True)
        for errors in ("strict", "backslashreplace")
    )
    sys.stdout, sys.stderr, logging.lastResort = out, error, logging.NullHandler()
    try:
        yield
    finally:
        sys.stdout, sys.stderr, logging.lastResort = before
    for stream, name in ((out, "standard output"), (error, "standard error")):
        buffer = stream.buffer
        assert isinstance(buffer, io.BytesIO)  # noqa: S101 - as it was made
        text = buffer.getvalue().decode("utf-8", "replace")
        if text and not may_print:
            trial.note(
                "while it delivered",
                f"it wrote {quoted(text)} to {name}",
                "print nothing; if printing is what it is for, use check_sink(..., may_print=True)",
            )


def try_after_a_fork(trial: Trial) -> None:
    """Deliver in a forked child: threads are not there any more, and locks may be held for ever.

    What waits is brought away before, as it is the parent's. Where there is no fork, nothing is
    tried.
    """
    if not hasattr(os, "fork"):
        return
    if (flush := trial.method("flush")) is not None:
        trial.call("flush", partial(flush, trial.longest_seconds), times=2)
    done = f"emit, given {PLAIN}, in a forked child of the process"
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other threads, if there are
            child = os.fork()
        if child == 0:
            _be_the_child(trial, writing)
        os.close(writing)
        happened = _wait_for(child, 3 * trial.longest_seconds) or os.read(reading, _MOST_TOLD)
    finally:
        os.close(reading)
    if happened:
        trial.note(
            done,
            happened if isinstance(happened, str) else happened.decode("ascii"),
            "open connections, start threads and make locks anew there; see os.register_at_fork",
        )


def _be_the_child(trial: Trial, writing: int) -> None:
    """Deliver, write what went wrong, and end without a trace."""
    told_of = ""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(4 * trial.longest_seconds) + 2)  # should the parent be gone
        told_of = _deliver_in_child(trial)
    except BaseException as error:  # noqa: BLE001 - this process must not go on as if it were the parent
        told_of = "" if trial.is_wanted(error) else f"it raised {told(error)}"
    finally:
        with suppress(OSError):
            os.write(writing, told_of.encode("ascii", "backslashreplace")[:_MOST_TOLD])
        os._exit(0)


def _deliver_in_child(trial: Trial) -> str:
    trial.sink.emit(sample_violations(time.time_ns())[PLAIN])
    flush = trial.method("flush")
    if flush is not None and flush(trial.longest_seconds) is False:
        return "it took the violation and did not bring it away"
    return ""


def _wait_for(child: int, seconds: float) -> str:
    """Wait until the child has ended, or end it; return what was wrong with that."""
    deadline = time.monotonic() + seconds
    status = None
    try:
        while time.monotonic() < deadline and status is None:
            ended, found = os.waitpid(child, os.WNOHANG)
            status = found if ended else None
            time.sleep(_POLL_SECONDS)
    finally:
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if status is None:
        return f"it had not ended after {seconds:g} s"
    code = os.waitstatus_to_exitcode(status)
    return f"the child ended with {code}" if code else ""


def _look_at_threads(trial: Trial, before: set[threading.Thread]) -> None:
    """Note threads that would keep a program from ending, after a while in which they may end."""
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(min(1.0, trial.longest_seconds))
        if not thread.daemon and thread.is_alive():
            trial.note(
                "after it had delivered",
                f"the thread {quoted(thread.name)} runs on, which keeps the program from ending",
                "start threads with daemon=True, and bring away what waits in flush",
            )


def _loggers() -> dict[logging.Logger, object]:
    named = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(each for each in named if isinstance(each, logging.Logger))]
    return {logger: _of_logger(logger) for logger in loggers}


def _of_logger(logger: logging.Logger) -> object:
    return (logger.level, list(logger.handlers), logger.disabled, logger.propagate)


def _umask() -> int:
    """Return it, for which it has to be set: for that moment to the strictest."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_SHARED: Final[Mapping[str, Callable[[], Any]]] = {
    "sys.excepthook": lambda: sys.excepthook,
    "threading.excepthook": lambda: threading.excepthook,
    "sys.unraisablehook": lambda: sys.unraisablehook,
    "sys.stdout": lambda: sys.stdout,
    "sys.stderr": lambda: sys.stderr,
    "the trace and profile functions": lambda: (sys.gettrace(), sys.getprofile()),
    "the recursion limit": sys.getrecursionlimit,
    "a handler of a signal": lambda: [signal.getsignal(s) for s in signal.valid_signals()],
    "the filters of warnings": lambda: (list(warnings.filters), warnings.showwarning),
    "the working directory": os.getcwd,
    "the umask": _umask,
    "the environment variables": lambda: dict(os.environ),
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "the default timeout of sockets": socket.getdefaulttimeout,
    "whether garbage is collected": gc.isenabled,
    "whether memory is traced": tracemalloc.is_tracing,
    "what logging disables": lambda: logging.root.manager.disable,
}
"""What belongs to the application: how to look at it."""
