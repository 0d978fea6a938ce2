"""Peak and net use of the traced Python heap, by tracemalloc, exact under nesting and overlap.

tracemalloc has one tracer and one peak for the whole process. Three rules make them exact:

- **Lease.** Tracing that other code started is used and never stopped; perfkit's own is counted and
  stops with the last holder of a lease of `TRACER`.
- **Open windows.** At every boundary (a session resumes or suspends) the peak so far is credited
  to each open window and then reset. A window's peak is its highest credit less its initial size,
  so that nested and overlapping windows are each exact.
- **Sentinel.** Each session allocates an object while tracing. If its trace is lost, other code
  stopped or cleared the traces meanwhile, and the readings have no value.
"""

from __future__ import annotations

import sys
import threading
import tracemalloc
from collections.abc import Mapping
from typing import Any, Final

from perfkit.forks import register_after_fork
from perfkit.model import Metric, Reading, Scope
from perfkit.probes.base import Session, nothing
from perfkit.reentrancy import Lock

LOST: Final = "traces were stopped or cleared by other code during the call"
CONTENDED: Final = "another measured call ran in another thread or task meanwhile"


class Tracer:
    """The lease on the process's one tracer, with the windows now open.

    Safe from any thread, from finalizers and signal handlers that interrupt it, and across a fork:
    in the child only the leases of the forking thread continue.
    """

    def __init__(self) -> None:
        # Reentrant: garbage collection inside may end a measured generator, which calls `close`.
        self._lock = Lock()
        self._holders: dict[object, int] = {}
        self._frames_of_ours = 0
        self._open: list[_Window] = []
        register_after_fork(self)

    @property
    def is_ours(self) -> bool:
        """Whether perfkit started the tracing, and not other code."""
        return self._frames_of_ours > 0

    def acquire(self, holder: object, frames: int = 1) -> None:
        """Add the lease of `holder` until `release`; start tracing if it was off.

        Tracing that is already on continues with its own number of frames.
        """
        with self._lock:
            if not tracemalloc.is_tracing():
                self._frames_of_ours = frames
                tracemalloc.start(frames)
            self._holders[holder] = threading.get_ident()

    def release(self, holder: object) -> None:
        """Remove the lease of `holder`; tracing stops with the last one if perfkit started it."""
        with self._lock:
            self._holders.pop(holder, None)
            self._stop_if_unused()

    def open(self, holder: object) -> _Window:
        """Begin a window in this thread for `holder`, which has a lease."""
        # Made before the lock and the reading: it allocates, and would count as the call's memory.
        window = _Window()
        with self._lock:
            self._holders[holder] = window.owner[0]
            for other in self._open:
                if other.owner != window.owner:
                    other.is_contended = window.is_contended = True
            self._open.append(window)
            window.began = window.highest = self._pass_boundary()
            return window

    def close(self, window: _Window) -> int:
        """Close `window` and return the bytes now traced."""
        with self._lock:
            current = self._pass_boundary()
            if window in self._open:
                self._open.remove(window)
            return current

    def _pass_boundary(self) -> int:
        current, peak = tracemalloc.get_traced_memory()
        # A copy: a finalizer that interrupts the loop may close a window.
        for window in tuple(self._open):
            window.highest = max(window.highest, peak)
        tracemalloc.reset_peak()
        self._check_ownership()
        return current

    def _check_ownership(self) -> None:
        """Note that other code stopped our tracing, and maybe started its own."""
        # tracemalloc has no owner to compare, so the number of frames must do: other code that
        # stops our tracing and starts its own with as many frames goes unnoticed.
        if not tracemalloc.is_tracing() or (
            self._frames_of_ours != tracemalloc.get_traceback_limit()
        ):
            self._frames_of_ours = 0

    def _stop_if_unused(self) -> None:
        self._check_ownership()
        if self.is_ours and not self._holders:
            self._frames_of_ours = 0
            tracemalloc.stop()

    def after_fork_in_child(self) -> None:
        """After a fork, drop windows and leases of threads that the child does not have."""
        self._lock = Lock()
        here = threading.get_ident()
        self._open = [window for window in self._open if window.owner[0] == here]
        self._holders = {who: thread for who, thread in self._holders.items() if thread == here}
        self._stop_if_unused()


def current_task() -> Any:
    """Return the asyncio task that runs in this thread, or None. Does not import asyncio."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:  # noqa: SLF001 - the public form raises when there is none
        return None
    return asyncio.current_task()


class _Window:
    """A time span in which one session's code runs. Sizes are traced bytes."""

    __slots__ = ("began", "highest", "is_contended", "owner")

    def __init__(self) -> None:
        self.began = self.highest = 0
        self.owner = (threading.get_ident(), id(current_task()))
        self.is_contended = False


TRACER: Final = Tracer()
"""The one lease of this process."""


class HeapProbe:
    """Reads the use of the traced Python heap by the measured code, in bytes.

    - `memory_peak`: the peak of the heap during the call, above its size at the start.
    - `memory_net`: the growth of the heap from start to end; negative if the call freed more of
      earlier traced allocations than it allocated.

    Concurrent coroutines are separated, because each is measured step by step. Two measured threads
    are not: both are marked contended, with the process as scope. Included are allocations of
    threads that perfkit does not measure, and a few hundred bytes of perfkit's own.
    """

    metrics: Final = frozenset({Metric.MEMORY_PEAK, Metric.MEMORY_NET})
    explains: Final = ""
    slows: Final = "tracemalloc"

    def open(self) -> _HeapSession:
        """Begin a session; this starts tracing if it was off."""
        return _HeapSession()


class _HeapSession(Session):
    __slots__ = ("_carried", "_contended", "_peak", "_sentinel", "_window")

    def __init__(self) -> None:
        self._carried = 0
        self._peak = 0
        self._contended = False
        self._window: _Window | None = None
        TRACER.acquire(self)
        self._sentinel = object()  # allocated while tracing: its trace must exist at the end

    def resume(self) -> None:
        self._window = TRACER.open(self)

    def suspend(self) -> None:
        window, self._window = self._window, None
        if window is None:
            return
        current = TRACER.close(window)
        self._peak = max(self._peak, self._carried + window.highest - window.began)
        self._carried += current - window.began
        self._contended = self._contended or window.is_contended

    def close(self) -> Mapping[Metric, Reading]:
        self.suspend()
        is_sound = tracemalloc.get_object_traceback(self._sentinel) is not None
        TRACER.release(self)
        if not is_sound:
            return dict.fromkeys(HeapProbe.metrics, nothing(LOST))
        sizes = {Metric.MEMORY_PEAK: self._peak, Metric.MEMORY_NET: self._carried}
        return {
            metric: Reading(
                value=float(size),
                scope=Scope.PROCESS if self._contended else Scope.CALL,
                contended=self._contended,
                reason=CONTENDED if self._contended else "",
            )
            for metric, size in sizes.items()
        }
