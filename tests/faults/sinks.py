"""Sinks that do what no sink should.

Those that hang do so until they are let go: a test that ends lets go of all of them, and one that
fails to is stopped by `LONGEST`.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import Any, Final

import perfkit
from perfkit import DeliveryError, Violation

LONGEST: Final = 60.0
"""Seconds that a sink hangs if nobody lets it go, and that a test waits for what should happen."""


class Hearing:
    """Keeps what it gets: the one that nothing is wrong with."""

    def __init__(self) -> None:
        self.heard: list[Violation] = []

    def emit(self, violation: Violation) -> None:
        self.heard.append(violation)


class Fault:
    """A sink that is faulty. It counts how often it was called, and can be let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.has_begun = threading.Event()
        self.has_returned = threading.Event()
        self.is_let_go = threading.Event()

    def emit(self, violation: Violation) -> Any:
        self.calls += 1
        self.has_begun.set()
        try:
            return self.fail(violation)
        finally:
            self.has_returned.set()

    def fail(self, violation: Violation) -> Any:
        """Do what is wrong."""

    def let_go(self) -> None:
        """Let what hangs go on, and nothing hang from now on."""
        self.is_let_go.set()

    def after_fork_in_child(self) -> None:
        """Forget what was before a fork, in its child: another thread may have held a lock."""
        Fault.__init__(self)


class Raising(Fault):
    """Raises something else each time, also what is no `Exception`."""

    def fail(self, violation: Violation) -> None:
        kinds = (
            OSError("no route"),
            ValueError(violation),
            DeliveryError("not now", retry_after=1e9),
            MemoryError(),
            RecursionError("too deep"),
            SystemExit(3),
            GeneratorExit(),
            StopIteration(),
            perfkit.BudgetExceeded([violation]),
        )
        raise kinds[self.calls % len(kinds)]


class RaisingTheUnprintable(Fault):
    """Raises what cannot say what it is."""

    def fail(self, violation: Violation) -> None:
        raise _Unprintable


class _Unprintable(Exception):  # noqa: N818 - it cannot even say what it is
    def __str__(self) -> str:
        raise TypeError("no words")

    __repr__ = __str__


class Sleeping(Fault):
    """Takes a minute for each violation."""

    def fail(self, violation: Violation) -> None:
        self.is_let_go.wait(LONGEST)


class ReturningGarbage(Fault):
    """Returns what nobody has asked for."""

    def fail(self, violation: Violation) -> Any:
        return (object(), float("nan"), NotImplemented, "\udcff", Garbage())[self.calls % 5]


class Garbage:
    """Gives garbage for whatever it is asked, but takes violations."""

    def __init__(self) -> None:
        self.heard = 0

    def emit(self, violation: Violation) -> Any:
        self.heard += 1
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Garbage()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return Garbage()


class NoSink:
    """Has everything that a sink could have, and nothing of it can be called."""

    emit = emit_many = flush = tick = close = inner = stats = function = destination = 42
    reaches_caller = "no"


class Recursing(Fault):
    """Breaks a budget while it delivers, looks at the accounts and waits for all sinks.

    Args:
        is_alone: Whether only it hears of that.
    """

    def __init__(self, *, is_alone: bool = False) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"sinks": [self]} if is_alone else {}

    def fail(self, violation: Violation) -> None:
        with perfkit.budget("within a sink", duration="0s", **self.options):
            perfkit.sink_stats()
        perfkit.flush_sinks(0.001)


class Reconfiguring(Fault):
    """Configures perfkit anew while it delivers, as it was."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings

    def fail(self, violation: Violation) -> None:
        perfkit.configure(perfkit.Catalog(), **self.settings)


class Forking(Fault):
    """Forks, and lets the child return from it as if nothing had happened."""

    def __init__(self) -> None:
        super().__init__()
        self.children: list[int] = []

    def fail(self, violation: Violation) -> None:
        self.reap(os.WNOHANG)
        if child := os.fork():
            self.children.append(child)

    def reap(self, options: int = 0) -> list[int]:
        """Wait for the children; return what those that have ended did so with."""
        codes = []
        for child in tuple(self.children):
            pid, status = os.waitpid(child, options)
            if pid:
                self.children.remove(child)
                codes.append(os.waitstatus_to_exitcode(status))
        return codes


class LoggingUnderTheLock(Fault):
    """Takes the lock of logging, and logs under it."""

    def fail(self, violation: Violation) -> None:
        with logging._lock:  # type: ignore[attr-defined]  # private, and there in each version
            logging.getLogger("faults").info("%s", violation.describe())


class KeepingTheLoggingLock(Fault):
    """Takes the lock of logging, and those of all handlers, until it is let go."""

    def fail(self, violation: Violation) -> None:
        locks = [logging._lock]  # type: ignore[attr-defined]  # as above
        locks += [handler.lock for handler in logging.root.handlers if handler.lock is not None]
        for lock in locks:
            lock.acquire()
        try:
            self.has_locked.set()
            self.is_let_go.wait(LONGEST)
        finally:
            for lock in reversed(locks):
                lock.release()

    def __init__(self) -> None:
        super().__init__()
        self.has_locked = threading.Event()


class Exhausting(Fault):
    """Opens files until there is no descriptor left, and keeps them until it is let go.

    Args:
        seconds: For how long it keeps them if nobody lets it go.
    """

    def __init__(self, seconds: float = LONGEST) -> None:
        super().__init__()
        self.seconds = seconds
        self.has_exhausted = threading.Event()

    def fail(self, violation: Violation) -> None:
        taken: list[int] = []
        try:
            with suppress(OSError):
                while not self.is_let_go.is_set():
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            self.has_exhausted.set()
            self.is_let_go.wait(self.seconds)
        finally:
            for descriptor in taken:
                os.close(descriptor)


class EndingItsThread(Fault):
    """Ends the thread that it is called in, as `sys.exit` does."""

    def fail(self, violation: Violation) -> None:
        raise SystemExit


class ChangingWhatItGets(Fault):
    """Tries to change the violation that all sinks share."""

    def fail(self, violation: Violation) -> None:
        violation.budget = None  # type: ignore[misc, assignment]  # that is what is wrong
