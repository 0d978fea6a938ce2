"""Which functions took the time, by cProfile, without fighting over the interpreter's one hook.

Before Python 3.12 the profiler sits in ``sys.setprofile``, one hook per thread: it is armed only
where that hook is free, because arming would lose the other profile and disarming would wipe it.
From 3.12 it is one tool for the whole process: where another tool holds it, ``enable`` raises.
Either way a busy slot is recorded as a note, not fought over. perfkit arms one profile at a time.
"""

from __future__ import annotations

import cProfile
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from perfkit.model import Evidence, Metric, Reading

BUSY: Final = "profiler_busy"
MIXED: Final = "several threads ran: calls and times of all of them may be mixed"
TOP_FUNCTIONS: Final = 10

_slot: Final = threading.Lock()


class CallProfileProbe:
    """Profiles the measured code and gives its most expensive functions as evidence.

    Reads no metric. A call that suspends is profiled in its own steps only.
    """

    metrics: Final[frozenset[Metric]] = frozenset()
    explains: Final = "cpu"
    slows: Final = "cProfile"

    def open(self) -> _CallProfileSession:
        """Begin a session; the profiler is armed at each step, where the slot is free."""
        return _CallProfileSession()


class _CallProfileSession:
    __slots__ = ("_is_armed", "_is_mixed", "_profile", "_was_busy")

    def __init__(self) -> None:
        self._profile = cProfile.Profile()
        self._is_armed = False
        self._is_mixed = False
        self._was_busy = False

    def resume(self) -> None:
        if sys.getprofile() is not None or not _slot.acquire(blocking=False):
            self._was_busy = True
            return
        try:
            self._profile.enable()
        except ValueError:  # Python 3.12+: another profiling tool is already active
            _slot.release()
            self._was_busy = True
            return
        self._is_armed = True

    def suspend(self) -> None:
        if not self._is_armed:
            return
        self._profile.disable()
        self._is_armed = False
        _slot.release()
        self._is_mixed = self._is_mixed or _sees_all_threads()

    def close(self) -> Mapping[Metric, Reading]:
        self.suspend()
        return {}

    def evidence(self) -> Sequence[Evidence]:
        rows = _top_functions(self._profile)
        note = BUSY if self._was_busy else MIXED if self._is_mixed else ""
        summary = ""
        if rows:
            top = rows[0]
            summary = f"{top['self_s'] * 1e3:.3g} ms in {top['function']} ({top['calls']} calls)"
        return (Evidence(kind="cpu", summary=summary, rows=rows, note=note),)


def _sees_all_threads() -> bool:
    return sys.version_info >= (3, 12) and threading.active_count() > 1


def _top_functions(profile: cProfile.Profile) -> tuple[Mapping[str, Any], ...]:
    """Return the functions with the most time of their own, the most expensive first.

    Reads the profile without `create_stats`, which would disarm whatever profiler is now active.
    """
    profile.snapshot_stats()
    stats: Mapping[tuple[str, int, str], tuple[int, int, float, float, object]] = profile.stats
    by_own_time = sorted(stats.items(), key=lambda item: item[1][2], reverse=True)
    return tuple(
        {
            "function": name,
            "file": file,
            "line": line,
            "calls": calls,
            "self_s": own,
            "cumulative_s": cumulative,
        }
        for (file, line, name), (_, calls, own, cumulative, _) in by_own_time
        if "_lsprof.Profiler" not in name
    )[:TOP_FUNCTIONS]
