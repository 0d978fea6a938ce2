"""Sample the stack of a slow call, also while it awaits.

While the measured code runs, the stack of its thread is sampled, cut where perfkit called it.
While a coroutine is suspended in an asyncio task, the chain of its awaitables is sampled instead,
so that a slow query is named although no code runs. The thread that samples is in `sampler`.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Final

from perfkit.model import Evidence, Metric, Reading
from perfkit.probes.frames import (
    OTHERS,
    Stack,
    awaited_frames,
    caller_of,
    current_task,
    running_frames,
    stack_of,
)
from perfkit.probes.sampler import SAMPLER
from perfkit.probes.stack_report import report

NO_SAMPLES: Final = "no_samples"
INTERVAL_SECONDS: Final = 0.002
MOST_STACKS: Final = 1000

_SUSPENDS: Final = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class StackProbe:
    """Samples the stack of the measured code and names the places where it spends its time.

    A sample counts for one interval. A late sample, after code that did not release the interpreter
    lock, counts for all intervals that it missed. Awaiting is sampled in asyncio tasks only. Reads
    no metric.

    Args:
        interval: Seconds between two samples, above zero. Sessions share one thread, which ends
            with the last of them.

    Raises:
        ValueError: If the interval is not above zero.
    """

    metrics: Final[frozenset[Metric]] = frozenset()
    explains: Final = "stack"
    slows: Final = "stack sampling"

    def __init__(self, interval: float = INTERVAL_SECONDS) -> None:
        if not interval > 0:
            raise ValueError(f"the interval between samples is {interval}; write one above zero")
        self._interval = interval

    def open(self) -> _StackSession:
        """Begin a session; the sampler starts with its first step."""
        return _StackSession(self._interval)


class _StackSession:
    """Samples of one call. It refers to frames only while the call runs."""

    __slots__ = (
        "__weakref__",
        "_counts",
        "_failure",
        "_is_sampled",
        "_running",
        "_suspended_in",
        "_switched",
        "_task",
        "_thread",
        "due",
        "interval",
    )

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
        self._task = current_task()
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
        return (report(counts.copy(), note),)

    def sample(self, threads: Mapping[int, FrameType], now: float) -> None:
        """Sample once, in the sampler's thread; never raises.

        Args:
            threads: The running frame of each thread.
            now: Seconds of the monotonic clock.
        """
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
        owner = task() if task is not None else None
        if owner is None or not mark:
            return None
        chain = awaited_frames(owner, top, mark, is_inside=is_inside)
        return None if chain is None else stack_of(chain)
