"""Profile the functions of a call by cProfile, without replacing another profiler.

Before Python 3.12 the profiler sits in ``sys.setprofile``, one hook per thread: it is armed only
where that hook is free, because arming would lose the other profile and disarming would wipe it.
From 3.12 it is one tool for the whole process, and ``enable`` raises while another tool uses it.
Either way a busy slot is recorded as a note. perfkit arms one profile at a time.
"""

from __future__ import annotations

import cProfile
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from perfkit.forks import register_after_fork
from perfkit.model import Evidence, Metric, Reading
from perfkit.probes.frame_owner import is_perfkits, other_threads_run

BUSY: Final = "profiler_busy"
MIXED: Final = "several threads ran: calls and times of all of them may be mixed"
TOP_FUNCTIONS: Final = 10

_SEES_ALL_THREADS: Final = sys.version_info >= (3, 12)
_STARTS: Final = ("_thread.start_new_thread", "_thread.start_joinable_thread")

_Key: TypeAlias = "tuple[str, int, str]"
_Stats: TypeAlias = "dict[_Key, tuple[int, int, float, float, dict[_Key, Any]]]"


class CallProfileProbe:
    """Profiles the measured code and returns its most expensive functions as evidence.

    Reads no metric. A call that suspends is profiled in its own steps only. The whole profile is
    the evidence's `detail`, in the form that the `pstats` module reads; functions of perfkit are
    in it, but not among the rows.
    """

    metrics: Final[frozenset[Metric]] = frozenset()
    explains: Final = "cpu"
    slows: Final = "cProfile"

    def open(self) -> _CallProfileSession:
        """Begin a session; the profiler is armed at each step, where the slot is free."""
        return _CallProfileSession()


class _Slot:
    """The slot for the one profile that perfkit has armed. It is free in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: cProfile.Profile | None = None
        self._thread = 0
        register_after_fork(self)

    def arm(self, profile: cProfile.Profile) -> bool:
        """Start `profile` in this thread; return False if any profile is active already."""
        if sys.getprofile() is not None or not self._lock.acquire(blocking=False):
            return False
        # Before `enable`, so that a fork right after it finds the holder.
        self._holder, self._thread = profile, threading.get_ident()
        try:
            profile.enable()
        except ValueError:  # Python 3.12+: another profiling tool is already active
            self._free()
            return False
        return True

    def disarm(self, profile: cProfile.Profile) -> bool:
        """Stop `profile`, in the thread that armed it; return False if it had been replaced."""
        if self._holder is not profile:
            return False
        try:
            current: Any = None if _SEES_ALL_THREADS else sys.getprofile()
            profile.disable()
        finally:
            self._free()
        # The measured code may have replaced the hook: it stays as that code left it.
        if isinstance(current, cProfile.Profile) and current is not profile:
            current.enable()
        elif callable(current):
            sys.setprofile(current)
        return _SEES_ALL_THREADS or current is profile

    def _free(self) -> None:
        self._holder = None
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """After a fork, stop a profile of a thread that the child does not have."""
        if self._holder is None:
            # Another thread may have been about to arm a profile, with the lock acquired.
            self._lock = threading.Lock()
        elif self._thread != threading.get_ident():
            holder, self._holder = self._holder, None
            self._lock = threading.Lock()
            if _SEES_ALL_THREADS:
                holder.disable()


_slot: Final = _Slot()


class _CallProfileSession:
    def __init__(self) -> None:
        self._profile = cProfile.Profile()
        self._is_armed = False
        self._is_mixed = False
        self._was_busy = False

    def resume(self) -> None:
        self._is_mixed = self._is_mixed or other_threads_run()
        self._is_armed = _slot.arm(self._profile)
        self._was_busy = self._was_busy or not self._is_armed

    def suspend(self) -> None:
        if not self._is_armed:
            return
        self._was_busy = not _slot.disarm(self._profile) or self._was_busy
        self._is_armed = False
        self._is_mixed = self._is_mixed or other_threads_run()

    def close(self) -> Mapping[Metric, Reading]:
        self.suspend()
        return {}

    def evidence(self) -> Sequence[Evidence]:
        # `create_stats` would also disable any profiler that is now active.
        self._profile.snapshot_stats()
        whole: Mapping[_Key, Any] = self._profile.stats
        stats = {key: entry for key, entry in whole.items() if "_lsprof.Profiler" not in key[2]}
        rows = _top_functions(stats)
        # Threads may have started and ended within a step.
        names = [name for _, _, name in stats]
        is_mixed = self._is_mixed or any(start in name for name in names for start in _STARTS)
        is_mixed = is_mixed and _SEES_ALL_THREADS
        note = BUSY if self._was_busy else MIXED if is_mixed and stats else ""
        summary = ""
        if rows:
            top = rows[0]
            calls = f"{top['calls']} call" + ("s" if top["calls"] != 1 else "")
            summary = f"{top['self_s'] * 1e3:.3g} ms in {top['function']} ({calls})"
        return (Evidence(kind="cpu", summary=summary, rows=rows, note=note, detail=stats),)


def _top_functions(stats: _Stats) -> tuple[Mapping[str, Any], ...]:
    """Return the functions with the most time of their own, the most expensive first."""
    users = [item for item in stats.items() if not is_perfkits(item[0][0])]
    by_own_time = sorted(users, key=lambda item: item[1][2], reverse=True)
    return tuple(
        {
            "function": name,
            "file": file,
            "line": line,
            "calls": calls,
            "self_s": own,
            "cumulative_s": cumulative,
        }
        for (file, line, name), (_, calls, own, cumulative, _) in by_own_time[:TOP_FUNCTIONS]
    )
