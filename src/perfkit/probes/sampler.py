"""The one thread that samples for all sessions, while there are any."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from types import FrameType
from typing import Final, Protocol

from perfkit.forks import register_after_fork

_LONGEST_JOIN_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 1.0
_COLLECTS_ANYWHERE: Final = sys.version_info < (3, 12)


class Sampled(Protocol):
    """A session that is sampled."""

    due: float
    """Time of the next sample, seconds of the monotonic clock; `sample` advances it."""

    def sample(self, threads: Mapping[int, FrameType], now: float) -> None:
        """Sample, from the running frame of each thread. Must not raise, nor store a frame."""


class _Thread(threading.Thread):
    """Samples until another thread replaces it, or the last session ends."""

    def __init__(self, sampler: Sampler) -> None:
        super().__init__(name="perfkit-sampler", daemon=True)
        self.wake = threading.Event()
        self._sampler = sampler

    def run(self) -> None:
        while self._sampler.is_served_by(self):
            pause = self._sampler.sample_due()
            if pause > 0:
                self.wake.wait(pause)
                self.wake.clear()


class Sampler:
    """Starts its thread with the first session, ends it with the last. Safe from any thread.

    References to sessions are weak, so that an abandoned one is not sampled for ever.
    """

    def __init__(self) -> None:
        # Locked for a few assignments only and never while sampling, because garbage collection
        # during a sample may run any code.
        self._lock = threading.RLock()
        self._sessions: list[weakref.ref[Sampled]] = []
        self._thread: _Thread | None = None
        register_after_fork(self)

    def add(self, session: Sampled) -> None:
        """Sample for `session` until it is removed.

        If no thread can be started, as at the end of the interpreter, nothing is sampled.
        """
        # Made outside of the lock: the allocation may run garbage collection, and so any code.
        fresh = _Thread(self) if self._thread is None else None
        with self._lock:
            self._sessions.append(weakref.ref(session))
            if self._thread is None:
                self._thread = fresh = fresh or _Thread(self)
            else:
                fresh = None
            thread = self._thread
        if fresh is None:
            thread.wake.set()
            return
        try:
            fresh.start()
        except RuntimeError:
            self._thread = None

    def remove(self, session: Sampled) -> None:
        """Stop sampling for `session`. Waits a moment for the thread to end, if it was the last."""
        with self._lock:
            self._sessions = [known for known in self._sessions if known() not in (None, session)]
            if self._sessions:
                return
            thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.wake.set()
        if thread.is_alive() and thread is not threading.current_thread():
            # A call leaves no thread behind, but does not wait for one that lacks the processor.
            thread.join(_LONGEST_JOIN_SECONDS)

    def is_served_by(self, thread: threading.Thread) -> bool:
        """Return whether `thread` is to continue: while it is the one, and there is a session."""
        if self._thread is not thread:
            return False
        # Without the lock first: this runs for every sample.
        if any(known() is not None for known in self._sessions):
            return True
        with self._lock:
            if self._thread is thread and not any(known() for known in self._sessions):
                self._thread = None
            return self._thread is thread

    def sample_due(self) -> float:
        """Sample the sessions that are due; return the seconds until the next one is."""
        sessions = [session for known in self._sessions if (session := known()) is not None]
        now = time.monotonic()
        due = [session for session in sessions if session.due <= now]
        if due:
            threads = _running_frames()
            try:
                for session in due:
                    session.sample(threads, now)
            finally:
                # The mapping includes this very frame, a cycle that would keep all frames alive.
                threads.clear()
        next_due = min((session.due for session in sessions), default=now)
        return min(next_due - time.monotonic(), _LONGEST_PAUSE_SECONDS)

    def after_fork_in_child(self) -> None:
        """After a fork, drop sessions and thread: the child does not have the thread."""
        self._lock = threading.RLock()
        self._sessions = []
        self._thread = None


def _running_frames() -> dict[int, FrameType]:
    """Return the innermost frame of each thread."""
    # Before Python 3.12 the call can trigger garbage collection while it has a lock that a
    # finalizer may need too (CPython issue 106883), so collection waits.
    if not (_COLLECTS_ANYWHERE and gc.isenabled()):
        return sys._current_frames()  # noqa: SLF001 - documented for this purpose
    gc.disable()
    try:
        return sys._current_frames()  # noqa: SLF001 - likewise
    finally:
        gc.enable()


SAMPLER: Final = Sampler()
"""The one sampler of this process."""
