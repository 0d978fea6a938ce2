"""Peak of the traced Python heap, by tracemalloc, right under nesting and overlap.

tracemalloc has one tracer and one peak for the whole process. Three rules keep them honest:

- **Lease.** Tracing that somebody else started is used and never stopped; ours is counted and
  stops with the last session.
- **Open windows.** At every boundary (a session resumes or suspends) the peak so far is credited
  to each open window and then reset. A window's peak is its highest credit less where it began, so
  nested and overlapping windows are each right.
- **Sentinel.** Each session allocates an object while tracing. If the tracer no longer knows it, a
  stranger stopped or cleared the traces meanwhile, and the reading has no value.
"""

from __future__ import annotations

import os
import sys
import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Final

from perfkit.model import Evidence, Metric, Reading, Scope

LOST: Final = "traces were stopped or cleared by other code during the call"
CONTENDED: Final = "another measured call ran in another thread or task meanwhile"


class _Tracer:
    """The lease on the process's one tracer, with the windows now open. All under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[_HeapSession, int] = {}
        self._is_ours = False
        self._open: list[_Window] = []
        self._survives_fork = False

    def acquire(self, holder: _HeapSession) -> None:
        with self._lock:
            if not self._survives_fork and hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._keep_own_thread)
                self._survives_fork = True
            if not tracemalloc.is_tracing():
                tracemalloc.start()
                self._is_ours = True
            self._holders[holder] = threading.get_ident()

    def release(self, holder: _HeapSession) -> None:
        with self._lock:
            del self._holders[holder]
            self._stop_if_unused()

    def open(self) -> _Window:
        with self._lock:
            window = _Window(self._pass_boundary(), _whoever_runs())
            for other in self._open:
                if other.owner != window.owner:
                    other.is_contended = window.is_contended = True
            self._open.append(window)
            return window

    def close(self, window: _Window) -> int:
        """Close `window` and return the bytes now traced."""
        with self._lock:
            current = self._pass_boundary()
            self._open.remove(window)
            return current

    def _pass_boundary(self) -> int:
        current, peak = tracemalloc.get_traced_memory()
        for window in self._open:
            window.highest = max(window.highest, peak)
        tracemalloc.reset_peak()
        return current

    def _stop_if_unused(self) -> None:
        if self._is_ours and not self._holders:
            self._is_ours = False
            tracemalloc.stop()

    def _keep_own_thread(self) -> None:
        """After a fork, drop what belonged to threads that the child does not have."""
        self._lock = threading.Lock()
        here = threading.get_ident()
        self._open = [window for window in self._open if window.owner[0] == here]
        self._holders = {who: thread for who, thread in self._holders.items() if thread == here}
        self._stop_if_unused()


def _whoever_runs() -> tuple[int, int]:
    """Identify the thread and, inside a running event loop, the asyncio task."""
    asyncio = sys.modules.get("asyncio")
    task = None
    if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public form raises when there is none
        task = asyncio.current_task()
    return threading.get_ident(), id(task)


class _Window:
    """A stretch of time in which one session's code runs."""

    __slots__ = ("began", "highest", "is_contended", "owner")

    def __init__(self, current: int, owner: tuple[int, int]) -> None:
        self.began = self.highest = current
        self.owner = owner
        self.is_contended = False


_TRACER: Final = _Tracer()


class HeapProbe:
    """Reads the most that the measured code had allocated at once, beyond what was there before.

    The value counts Python allocations in bytes, without what C libraries take from the system by
    themselves. Concurrent coroutines are told apart, because each is measured step by step; two
    threads cannot be, and are marked contended.
    """

    metrics: Final = frozenset({Metric.MEMORY_PEAK})
    explains: Final = ""
    slows: Final = "tracemalloc"

    def open(self) -> _HeapSession:
        """Begin a session; tracing starts here if it was not on."""
        return _HeapSession()


class _HeapSession:
    __slots__ = ("_carried", "_contended", "_peak", "_sentinel", "_window")

    def __init__(self) -> None:
        self._carried = 0
        self._peak = 0
        self._contended = False
        self._window: _Window | None = None
        _TRACER.acquire(self)
        self._sentinel = object()  # allocated while tracing: the tracer must know it at the end

    def resume(self) -> None:
        self._window = _TRACER.open()

    def suspend(self) -> None:
        window, self._window = self._window, None
        if window is None:
            return
        current = _TRACER.close(window)
        self._peak = max(self._peak, self._carried + window.highest - window.began)
        self._carried += current - window.began
        self._contended = self._contended or window.is_contended

    def close(self) -> Mapping[Metric, Reading]:
        self.suspend()
        is_sound = tracemalloc.get_object_traceback(self._sentinel) is not None
        _TRACER.release(self)
        if not is_sound:
            return {Metric.MEMORY_PEAK: Reading(value=None, scope=Scope.PROCESS, reason=LOST)}
        scope = Scope.PROCESS if self._contended else Scope.CALL
        reason = CONTENDED if self._contended else ""
        reading = Reading(
            value=float(self._peak), scope=scope, contended=self._contended, reason=reason
        )
        return {Metric.MEMORY_PEAK: reading}

    def evidence(self) -> Sequence[Evidence]:
        return ()
