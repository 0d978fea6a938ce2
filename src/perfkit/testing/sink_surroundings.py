"""Checks of the side effects of a sink: global state, output, threads and forks."""

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
    """Record global state of the process that differs after the block."""
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
    """Capture standard output and error in the block; record output unless `may_print`."""
    # Without handlers, `logging.lastResort` prints to standard error. This output is caused by the
    # missing configuration and not by the sink, so it is discarded.
    before = sys.stdout, sys.stderr, logging.lastResort
    # The same error handlers as the standard streams of Python have.
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
    """Deliver in a forked child, where threads are missing and locks may stay locked forever.

    Does nothing on systems without `os.fork`.
    """
    if not hasattr(os, "fork"):
        return
    # Queued violations are the parent's, so they are flushed before the fork.
    if (flush := trial.method("flush")) is not None:
        trial.call("flush", partial(flush, trial.longest_seconds), times=2)
    done = f"emit, given {PLAIN}, in a forked child of the process"
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns if other threads run
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
    """Deliver in the child, write the failure to the pipe, and exit without cleanup."""
    told_of = ""
    try:
        # The default action of SIGALRM ends the child if the sink hangs and the parent, which would
        # kill it, has already exited.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(4 * trial.longest_seconds) + 2)
        told_of = _deliver_in_child(trial)
    except BaseException as error:  # noqa: BLE001 - this process must not go on as if it were the parent
        told_of = "" if trial.is_wanted(error) else f"it raised {told(error)}"
    finally:
        with suppress(OSError):
            os.write(writing, told_of.encode("ascii", "backslashreplace")[:_MOST_TOLD])
        # Exit handlers and the buffers of streams are those of the parent, which runs them itself.
        os._exit(0)


def _deliver_in_child(trial: Trial) -> str:
    trial.sink.emit(sample_violations(time.time_ns())[PLAIN])
    flush = trial.method("flush")
    if flush is not None and flush(trial.longest_seconds) is False:
        return "it took the violation and did not bring it away"
    return ""


def _wait_for(child: int, seconds: float) -> str:
    """Wait for the child, and kill it after `seconds`; return the problem, or empty text."""
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
    """Record new non-daemon threads that still run after 1 s; they would block the exit."""
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
    """Return the umask of the process."""
    # The umask can be read only by setting it. The strictest value is safe for files that other
    # threads create in that moment.
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
"""Global state of the application, by name, with a function that reads it."""
