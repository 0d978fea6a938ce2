"""Deliver what waits when the process ends, within a bounded time."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from typing import Final, Protocol
from weakref import WeakSet

from perfkit.sinks.waking import waker

EXIT_SECONDS: Final = 1.5
"""How much longer the exit of a process may take in all, for all sinks together."""


class Waits(Protocol):
    """Holds violations that wait."""

    def flush(self, seconds: float) -> bool:
        """Bring them away, for at most so long; tell whether none waits now."""

    def close(self, seconds: float) -> bool:
        """Do the same, and end the thread."""

    def give_up(self) -> int:
        """Drop and count those that still wait; return how many."""


_waiting: Final[WeakSet[Waits]] = WeakSet()
_is_registered = False
_is_ending = False
_worker = 0


def flush_at_exit(thing: Waits) -> None:
    """Flush `thing` at the exit of the process, if it is still there."""
    global _is_registered  # noqa: PLW0603 - one hook for all, and not before it is needed
    if not _is_registered:
        _is_registered = True
        atexit.register(_flush_and_give_up)
    _flush_at_end_of_worker()
    _waiting.add(thing)


def _flush_at_end_of_worker() -> None:
    """Flush also at the end of a worker of `multiprocessing` that was forked: it skips atexit."""
    global _worker  # noqa: PLW0603 - once in each
    module = sys.modules.get("multiprocessing.process")
    if module is None or module.parent_process() is None or _worker == os.getpid():
        return
    from multiprocessing.util import Finalize  # noqa: PLC0415 - for its workers only

    _worker = os.getpid()
    Finalize(None, _flush_and_give_up, exitpriority=0)


def flush_all(seconds: float) -> bool:
    """Flush everything that waits, for at most so long; tell whether nothing waits now."""
    deadline = time.monotonic() + seconds
    results = [thing.flush(max(0.0, deadline - time.monotonic())) for thing in tuple(_waiting)]
    return all(results)


def close_all(seconds: float) -> bool:
    """Flush everything that waits, for at most so long, and end the threads that deliver it."""
    deadline = time.monotonic() + seconds
    results = [thing.close(max(0.0, deadline - time.monotonic())) for thing in tuple(_waiting)]
    waker.close()
    return all(results)


def is_ending() -> bool:
    """Tell whether the process is about to end, and what waits is being brought away."""
    return _is_ending


def _flush_and_give_up() -> None:
    global _is_ending  # noqa: PLW0603 - it ends once
    _is_ending = True
    deadline = time.monotonic() + EXIT_SECONDS
    things = tuple(_waiting)
    share = EXIT_SECONDS / (2 * max(1, len(things)))
    late = [thing for thing in things if not thing.flush(share)]
    for thing in late:  # those that are healthy are done; the rest of the time is for these
        thing.flush(max(0.0, deadline - time.monotonic()))
    lost = sum(thing.give_up() for thing in things)
    if lost:
        logging.getLogger("perfkit").warning(
            "perfkit: %d violations did not reach their sinks before the process ended", lost
        )
