"""Sample the stack of a slow call, also while it awaits.

While the measured code runs, the stack of its thread is sampled, cut where perfkit called it.
While a coroutine is suspended in an asyncio task, the chain of its awaitables is sampled instead,
so that a slow query is named although no code runs. One thread samples for all sessions.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from perfkit.forks import register_after_fork
from perfkit.model import Evidence, Metric, Reading
from perfkit.probes.frame_owner import is_library
from perfkit.probes.frames import (
    OTHERS,
    Place,
    Stack,
    awaited_frames,
    caller_of,
    running_frames,
    stack_of,
)
from perfkit.probes.heap import current_task
from perfkit.reentrancy import Lock

NO_SAMPLES: Final = "no_samples"
INTERVAL_SECONDS: Final = 0.002
MOST_STACKS: Final = 1000
MOST_ROWS: Final = 10

_LONGEST_JOIN_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 1.0
_COLLECTS_ANYWHERE: Final = sys.version_info < (3, 12)
_SUSPENDS: Final = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class StackProbe:
    """Samples the stack of the measured code and names the places where it spends its time.

    A sample counts for one interval. A late sample, after code that did not release the interpreter
    lock, counts for all intervals that it missed. Awaiting is sampled in asyncio tasks only. Reads
    no metric.

    Args:
        interval: Seconds between two samples, above zero.
    """

    metrics: Final[frozenset[Metric]] = frozenset()
    explains: Final = "stack"
    slows: Final = "stack sampling"

    def __init__(self, interval: float = INTERVAL_SECONDS) -> None:
        self._interval = interval

    def open(self) -> _StackSession:
        """Begin a session; the sampler starts with its first step."""
        return _StackSession(self._interval)


class _StackSession:
    """Samples of one call. It refers to frames only while the call runs."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = 0.0
        self._counts: Counter[Stack] | None = Counter()
        self._failure = ""
        self._is_sampled = False
        self._running: tuple[FrameType | None, FrameType | None] | None = None
        self._suspended_in = 0
        self._task: weakref.ref[Any] | None = None
        self._thread = 0
        self._switched = 0.0

    def resume(self) -> None:
        if not self._is_sampled:
            self._is_sampled = True
            self.due = time.monotonic() + self.interval
            SAMPLER.add(self)
        entry, caller = caller_of(sys._getframe(1))  # noqa: SLF001 - inspect.stack reads source files
        self._thread = threading.get_ident()
        task = current_task()
        self._task = None if task is None else weakref.ref(task)
        # perfkit's own coroutine or generator suspends with the measured code, so that its frame
        # marks the place in the awaited chain; a plain function is not in the chain.
        suspends = entry is not None and entry.f_code.co_flags & _SUSPENDS
        self._suspended_in = id(entry) if suspends else 0
        self._switched = time.monotonic()
        self._running = (entry, caller)

    def suspend(self) -> None:
        self._running = None
        self._switched = time.monotonic()

    def close(self) -> Mapping[Metric, Reading]:
        self._running = self._task = None
        SAMPLER.remove(self)
        return {}

    def evidence(self) -> Sequence[Evidence]:
        # Copied below, because the sampler's thread may be in the middle of a sample.
        counts, self._counts = self._counts or Counter(), None
        note = self._failure or ("" if counts else NO_SAMPLES)
        return (_report(counts.copy(), note),)

    def sample(self, threads: Mapping[int, FrameType], now: float) -> None:
        """Sample from the running frame of each thread, in the sampler's thread; never raises."""
        since = max(self._switched, self.due - self.interval)
        self.due = now + self.interval
        try:
            stack = self._stack(threads)
        except Exception as error:  # noqa: BLE001 - odd frames or awaitables must not end the sampler
            self._failure = f"sampling failed: {type(error).__name__}"
            return
        counts = self._counts
        if stack is None or counts is None:
            return
        if len(counts) >= MOST_STACKS and stack not in counts:
            stack = OTHERS
        counts[stack] += max(1, int((now - since) / self.interval))

    def _stack(self, threads: Mapping[int, FrameType]) -> Stack | None:
        """Return the stack of the measured code, outermost first; None if it is not active."""
        running, task = self._running, self._task
        top = threads.get(self._thread)
        if running is not None:
            found = running_frames(top, *running)
            if found is not None:
                return stack_of(found)
            mark, is_inside = id(running[1]), True
        else:
            mark, is_inside = self._suspended_in, False
        owner = None if task is None else task()
        if owner is None or not mark:
            return None
        chain = awaited_frames(owner, top, mark, is_inside=is_inside)
        return None if chain is None else stack_of(chain)


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
        self._lock = Lock()
        self._sessions: list[weakref.ref[_StackSession]] = []
        self._thread: _Thread | None = None
        register_after_fork(self)

    def add(self, session: _StackSession) -> None:
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

    def remove(self, session: _StackSession) -> None:
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
        self._lock = Lock()
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


# -- samples as evidence


def _report(counts: Mapping[Stack, int], note: str) -> Evidence:
    """Return the evidence in `counts`, the number of samples of each stack.

    A row is a function of the user's including the libraries that it called, the most frequent
    first, with its most frequent line and stack. The detail maps collapsed stacks,
    ``"outer (file:line);inner (file:line)"``, to their counts.
    """
    total = sum(counts.values())
    rows = tuple(_row(stacks, total) for stacks in _by_function(counts)[:MOST_ROWS])
    detail: Counter[str] = Counter()
    for stack, count in counts.items():
        detail[_collapsed(stack)] += count
    summary = ""
    if rows:
        top = rows[0]
        place = f" ({Path(top['file']).name}:{top['line']})" if top["file"] else ""
        samples = f"{total} sample" + ("s" if total != 1 else "")
        summary = f"{top['share']:.0%} of {samples} in {top['function']}{place}"
    return Evidence(kind="stack", summary=summary, rows=rows, note=note, detail=dict(detail))


def _by_function(counts: Mapping[Stack, int]) -> list[Counter[Stack]]:
    groups: dict[tuple[str, ...], Counter[Stack]] = defaultdict(Counter)
    for stack, count in counts.items():
        place = _users_place(stack)
        groups[place.module, place.name, place.file][stack] = count
    return sorted(groups.values(), key=lambda stacks: (OTHERS in stacks, -stacks.total()))


def _row(stacks: Counter[Stack], total: int) -> Mapping[str, Any]:
    lines: Counter[Place] = Counter()
    for stack, count in stacks.items():
        lines[_users_place(stack)] += count
    place = lines.most_common(1)[0][0]
    most_frequent = stacks.most_common(1)[0][0]
    return {
        "function": _function(place),
        "file": place.file,
        "line": place.line,
        "samples": stacks.total(),
        "share": stacks.total() / total,
        "stack": _collapsed(most_frequent),
    }


def _users_place(stack: Stack) -> Place:
    """Return the innermost place in the user's own code; else the innermost of all."""
    own = (place for place in reversed(stack) if place.file and not is_library(place.file))
    return next(own, stack[-1])


def _collapsed(stack: Stack) -> str:
    return ";".join(_label(place) for place in stack)


def _label(place: Place) -> str:
    """Return a place for a collapsed stack, without its separators: ``;`` and line ends."""
    where = f" ({Path(place.file).name}:{place.line})" if place.file else ""
    text = f"{_function(place)}{where}".replace(";", ",")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _function(place: Place) -> str:
    return f"{place.module}.{place.name}" if place.module else place.name
