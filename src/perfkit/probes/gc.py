"""Pauses of Python's garbage collector inside a call, by a hook in `gc.callbacks`."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from perfkit.forks import register_after_fork
from perfkit.model import Metric, Reading, Scope
from perfkit.probes.base import ReadingProbe, Session, nothing
from perfkit.reentrancy import Lock

LOST: Final = "other code removed the hook from gc.callbacks during the call"


class _Pauses(threading.local):
    """The pauses of one thread: a collection ends in the thread in which it began.

    `began_ns` is the start of the present one, seen by the `seen_by`-th installation of the hook;
    `total_ns` is the sum of those that ended.
    """

    began_ns = 0
    seen_by = 0
    total_ns = 0


class _Hook:
    """The one hook in `gc.callbacks`, installed while a session needs it.

    Safe from any thread, from finalizers that interrupt it, and across a fork: in the child only
    the sessions of the forking thread continue.
    """

    def __init__(self) -> None:
        self.pauses: Final = _Pauses()
        # Reentrant: garbage collection inside may end a measured generator, which calls `release`.
        self._lock = Lock()
        self._holders: dict[object, int] = {}
        self._installed = 0
        register_after_fork(self)

    def acquire(self, holder: object) -> int:
        """Install the hook if it is not installed; return the number of installations so far."""
        with self._lock:
            self._holders[holder] = threading.get_ident()
            # Looked up each time, because other code may clear or replace the list.
            if self._on_phase not in gc.callbacks:
                gc.callbacks.append(self._on_phase)
                self._installed += 1
            return self._installed

    def release(self, holder: object) -> int:
        """Remove an unused hook; return the number from `acquire`, or another if it was out."""
        with self._lock:
            installed = self._installed if self._on_phase in gc.callbacks else -1
            self._holders.pop(holder, None)
            self._remove_if_unused()
            return installed

    def _on_phase(self, phase: str, _: Mapping[str, Any]) -> None:
        pauses = self.pauses
        if phase == "start":
            pauses.seen_by = self._installed
            pauses.began_ns = time.perf_counter_ns()
        elif pauses.seen_by == self._installed:  # else it began before the hook was installed
            pauses.total_ns += time.perf_counter_ns() - pauses.began_ns
            pauses.seen_by = 0

    def _remove_if_unused(self) -> None:
        if not self._holders:
            with suppress(ValueError):  # other code removed it
                gc.callbacks.remove(self._on_phase)

    def after_fork_in_child(self) -> None:
        """After a fork, drop the holders in threads that the child does not have."""
        self._lock = Lock()
        here = threading.get_ident()
        self._holders = {who: thread for who, thread in self._holders.items() if thread == here}
        self._remove_if_unused()


_HOOK: Final = _Hook()


class GcProbe(ReadingProbe):
    """Reads how long the garbage collector paused the measured code, as `gc_time` in seconds.

    It is a part of the call's duration and CPU time. Scope: the thread, in which a collection runs
    that its own allocation triggered; a pause that another thread triggers counts for that one.
    """

    metrics: Final = frozenset({Metric.GC_TIME})

    def open(self) -> _GcSession:
        """Begin a session; this installs the hook."""
        return _GcSession()


class _GcSession(Session):
    __slots__ = ("_installed", "_resumed_ns", "_total_ns")

    def __init__(self) -> None:
        self._total_ns = 0
        self._resumed_ns = 0
        self._installed = _HOOK.acquire(self)

    def resume(self) -> None:
        self._resumed_ns = _HOOK.pauses.total_ns

    def suspend(self) -> None:
        self._total_ns += _HOOK.pauses.total_ns - self._resumed_ns

    def close(self) -> Mapping[Metric, Reading]:
        if _HOOK.release(self) != self._installed:
            return {Metric.GC_TIME: nothing(LOST, Scope.THREAD)}
        return {Metric.GC_TIME: Reading(value=self._total_ns / 1e9, scope=Scope.THREAD)}
