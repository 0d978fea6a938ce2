"""Checks of the side effects of a sink: global state, output, threads and forks."""

from __future__ import annotations

import gc
import io
import locale
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from perfkit.testing.samples import PLAIN
from perfkit.testing.sink_trial import Trial, describe, quoted


@contextmanager
def watching_what_it_changes(trial: Trial) -> Iterator[None]:
    """Record global state of the process that differs after the block."""
    threads = set(threading.enumerate())
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    shared: dict[str, Callable[[], object]] = {
        **_SHARED,
        "the configuration of logging": lambda: _configuration_of(loggers),
    }
    before = {name: look() for name, look in shared.items()}
    yield
    for name, look in shared.items():
        if look() != before[name]:
            remedy = "leave that to the application, or put it back at once"
            trial.note("while it delivered", f"it changed {name}", remedy)
    _look_at_threads(trial, threads)


@contextmanager
def watching_what_it_prints(trial: Trial, *, may_print: bool) -> Iterator[None]:
    """Capture standard output and error in the block; record output unless `may_print`."""
    # The same error handlers as the standard streams of Python have.
    streams = {
        name: io.TextIOWrapper(io.BytesIO(), "utf-8", errors, write_through=True)
        for name, errors in (("standard output", "strict"), ("standard error", "backslashreplace"))
    }
    # Without handlers, `logging.lastResort` prints to standard error. This output is caused by the
    # missing configuration and not by the sink, so it is discarded.
    last_resort, logging.lastResort = logging.lastResort, logging.NullHandler()
    try:
        with (
            redirect_stdout(streams["standard output"]),
            redirect_stderr(streams["standard error"]),
        ):
            yield
    finally:
        logging.lastResort = last_resort
    for name, stream in streams.items():
        stream.reconfigure(errors="replace")
        stream.seek(0)
        text = stream.read()
        if text and not may_print:
            trial.note(
                "while it delivered",
                f"it wrote {quoted(text)} to {name}",
                "print nothing; if printing is what it is for, use check_sink(..., may_print=True)",
            )


def try_after_a_fork(trial: Trial) -> None:
    """Deliver in a forked child, where threads are missing and locks may stay locked forever."""
    if not hasattr(os, "fork"):
        return
    happened, seconds = "", 3 * trial.longest_seconds
    reading, writing = multiprocessing.Pipe(duplex=False)
    with reading, writing, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns if other threads run
        child = os.fork()
        if child == 0:
            _be_the_child(trial, writing)
        writing.close()
        if reading.poll(seconds):
            with suppress(EOFError):  # it has died
                happened = reading.recv()
        else:
            os.kill(child, signal.SIGKILL)
            happened = f"it had not ended after {seconds:g} s"
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if happened or code:
        trial.note(
            f"emit, given {PLAIN}, in a forked child of the process",
            happened or f"the child ended with {code}",
            "open connections, start threads and make locks anew there; see os.register_at_fork",
        )


def _be_the_child(trial: Trial, writing: Connection) -> None:
    """Deliver in the child, send the failure to the parent, and exit without cleanup."""
    happened = ""
    try:
        # The default action of SIGALRM ends the child if the sink hangs and the parent, which would
        # kill it, has already exited.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(4 * trial.longest_seconds) + 2)
        trial.emit()
        flush = trial.method("flush")
        if flush is not None and flush(trial.longest_seconds) is False:
            happened = "it took the violation and did not bring it away"
    except BaseException as error:  # noqa: BLE001 - this process must not go on as if it were the parent
        happened = f"it raised {describe(error)}"
    finally:
        with suppress(OSError):
            writing.send(happened)
        # Exit handlers and the buffers of streams are those of the parent, which runs them itself.
        os._exit(0)


def _look_at_threads(trial: Trial, before: set[threading.Thread]) -> None:
    """Record new non-daemon threads that still run after 1 s; they would block the exit."""
    for thread in set(threading.enumerate()) - before:
        if thread.daemon:
            continue
        thread.join(min(1.0, trial.longest_seconds))
        if thread.is_alive():
            trial.note(
                "after it had delivered",
                f"the thread {quoted(thread.name)} runs on, which keeps the program from ending",
                "start threads with daemon=True, and bring away what waits in flush",
            )


def _configuration_of(loggers: Sequence[object]) -> object:
    return [
        (each.level, list(each.handlers), each.disabled, each.propagate)
        for each in loggers
        if isinstance(each, logging.Logger)
    ]


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
