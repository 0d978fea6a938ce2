"""Start and wake the threads of sinks from a thread of their own, so that no call has to.

Starting a thread waits until it runs, and waking one hands the interpreter over: on a busy machine
that may take milliseconds for each sink. A call only leaves a note.
"""

from __future__ import annotations

import _thread
import queue
import threading
import time
from contextlib import suppress
from typing import Final, Protocol

from perfkit.locks import at_work
from perfkit.sinks.forks import survive_forks

IDLE_SECONDS: Final = 30.0
"""The thread ends after so long without a note."""


class Sleeps(Protocol):
    """Has a thread that may sleep, or not have been started yet."""

    def wake(self) -> None:
        """Let the thread work. May block."""


class Waker:
    """Wakes what calls have left a note for. Safe from any thread, and across a fork."""

    def __init__(self) -> None:
        self.start_anew()
        survive_forks(self)

    def start_anew(self) -> None:
        """Begin without notes and without a thread."""
        self._lock = threading.RLock()
        self._notes: queue.SimpleQueue[Sleeps | None] = queue.SimpleQueue()
        self._is_running = False
        self._thread: threading.Thread | None = None

    def leave_note(self, thing: Sleeps) -> None:
        """Have `thing` woken soon. Never blocks while the thread runs, and never raises."""
        self._notes.put(thing)
        if self._is_running:
            return
        with at_work, self._lock:
            if self._is_running:
                return
            self._is_running = True
        try:
            _thread.start_new_thread(self._start, ())  # that of threading waits until it runs
        except RuntimeError:  # none can be had now; the next note tries again
            self._is_running = False

    def close(self) -> None:
        """Let the thread end, and wait a second for that; the next note starts another."""
        deadline = time.monotonic() + 1.0
        if self._is_running:
            self._notes.put(None)
        while self._is_running and time.monotonic() < deadline:
            time.sleep(0.001)  # it may be about to start
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="perfkit-waker", daemon=True)
        try:
            thread.start()
        except Exception:  # noqa: BLE001 - at the exit of the process anything may be gone
            self._is_running = False
        else:
            self._thread = thread

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
                continue
            with at_work, self._lock:
                self._is_running = False
                if notes.empty():  # a note that comes now finds that nobody runs
                    return
                self._is_running = True


waker: Final = Waker()
"""The process's one."""
