"""Start and wake the threads of sinks in such a way that no call waits for them.

Waking a thread hands the interpreter over: on a busy machine that may take milliseconds for each
sink. A call only leaves a note for a thread that does it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from perfkit.forks import register_after_fork
from perfkit.reentrancy import Lock, busy

IDLE_SECONDS: Final = 30.0
"""The thread ends after so long without a note."""

BETWEEN_SECONDS: Final = 0.002
"""From one waking to the next. Threads of sinks that all wake at once are in the way of the
application, which waits for the interpreter behind each; and a thread that wakes a little later
finds several violations, and has to wake less often."""


class _NotAwaited(threading.Event):
    """Says that a thread has started, though nobody waits for that."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - as the base class has it
        return True


def start_soon(target: Callable[[], object], name: str) -> threading.Thread | None:
    """Start a daemon thread without waiting until it runs, as `threading.Thread.start` does.

    From Python 3.12 on no thread starts any more once the process has begun to end, so it is not
    left to another thread.

    Returns:
        The thread; None where none is to be had now.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread._started = _NotAwaited()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def join(thread: threading.Thread, seconds: float) -> None:
    """Wait for the end of a thread that `start_soon` started, for at most so long."""
    deadline = time.monotonic() + seconds
    if thread is threading.current_thread():
        return
    while thread.ident is None and time.monotonic() < deadline:
        time.sleep(0.001)  # it is about to start
    with suppress(RuntimeError):
        thread.join(max(0.0, deadline - time.monotonic()))


class Sleeps(Protocol):
    """Has a thread that may sleep, or not have been started yet."""

    def wake(self) -> None:
        """Let the thread work. May block."""


class Waker:
    """Wakes what calls have left a note for. Safe from any thread, and across a fork."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        register_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Begin without notes and without a thread."""
        self._lock = Lock()
        self._notes: queue.SimpleQueue[Sleeps | None] = queue.SimpleQueue()
        self._is_running = False
        self._thread: threading.Thread | None = None

    def leave_note(self, thing: Sleeps) -> None:
        """Have `thing` woken soon. Never blocks while the thread runs, and never raises."""
        self._notes.put(thing)
        if self._is_running:
            return
        with busy, self._lock:
            if not self._is_running:
                self._thread = start_soon(self._work, "perfkit-waker")
                self._is_running = self._thread is not None

    def close(self) -> None:
        """Let the thread end, and wait a second for that; the next note starts another."""
        with busy, self._lock:
            thread, self._thread = self._thread, None
            if self._is_running:
                self._notes.put(None)
        if thread is not None:
            join(thread, 1.0)

    def _work(self) -> None:
        notes = self._notes
        while True:
            try:
                thing = notes.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                thing = None
            if thing is not None:
                with suppress(Exception):  # what cannot be woken now has its violations waiting
                    thing.wake()
                time.sleep(BETWEEN_SECONDS)
                continue
            with busy, self._lock:
                self._is_running = False
                if notes.empty():  # a note that comes now finds that nobody runs
                    return
                self._is_running = True


waker: Final = Waker()
"""The process's one."""
