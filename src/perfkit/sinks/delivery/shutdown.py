"""Deliver what waits when the process ends, within a bounded time."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from perfkit.forks import WeakRegistry
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import stats_registry
from perfkit.sinks.delivery.waking import waker
from perfkit.text import printable

EXIT_SECONDS: Final = 1.5
"""How much longer the exit of a process may take in all, for all sinks together."""


class Waits(Protocol):
    """Holds violations that wait."""

    def flush(self, seconds: float) -> bool:
        """Bring them away, for at most so long; tell whether none waits now."""

    def close(self, seconds: float) -> bool:
        """Do the same, and end the thread."""

    def drop_pending(self) -> int:
        """Drop and count those that still wait; return how many have not arrived."""

    @property
    def name(self) -> str:
        """What its sink is called."""


_waiting: Final[WeakRegistry[Waits]] = WeakRegistry()
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
    parent_of = getattr(module, "parent_process", None)  # it may be loading just now
    if parent_of is None or parent_of() is None or _worker == os.getpid():
        return
    from multiprocessing.util import Finalize  # noqa: PLC0415 - for its workers only

    _worker = os.getpid()
    Finalize(None, _flush_and_give_up, exitpriority=0)


def flush_all(seconds: float) -> bool:
    """Flush everything that waits, for at most so long; tell whether nothing waits now."""
    deadline = time.monotonic() + seconds
    results = [_is_done(thing.flush, deadline) for thing in _waiting]
    return all(results)


def close_all(seconds: float) -> bool:
    """Flush everything that waits, for at most so long, and end the threads that deliver it."""
    deadline = time.monotonic() + seconds
    results = [_is_done(thing.close, deadline) for thing in _waiting]
    waker.close()
    return all(results)


def is_ending() -> bool:
    """Tell whether the process is about to end, and what waits is being brought away."""
    return _is_ending


def _flush_and_give_up() -> None:
    global _is_ending  # noqa: PLW0603 - it ends once
    _is_ending = True
    deadline = time.monotonic() + EXIT_SECONDS
    things = list(_waiting)
    share = EXIT_SECONDS / (2 * max(1, len(things)))
    late = [thing for thing in things if not _is_done(thing.flush, time.monotonic() + share)]
    for thing in late:  # those that are healthy are done; the rest of the time is for these
        _is_done(thing.flush, deadline)
    lost = Counter[str]()
    for thing in things:
        lost[thing.name] += thing.drop_pending()
    for totals in stats_registry.totals():
        lost[totals.sink] += totals.waiting  # on its way, and nobody will know whether it arrived
    _tell_of(+lost)


def _is_done(function: Callable[[float], bool], deadline: float) -> bool:
    """Flush or close; a sink without a thread of its own may raise anything here."""
    try:
        return function(max(0.0, deadline - time.monotonic()))
    except BaseException as error:  # what did not arrive is told of at the end
        if is_signal_exception(error):
            raise
        return False


def _tell_of(lost: Counter[str]) -> None:
    """Say what did not arrive, in the log; nothing if all did."""
    if not lost:
        return
    by_sink = ", ".join(f"{printable(sink)}: {count}" for sink, count in lost.most_common())
    count = lost.total()
    which = "1 violation did not reach its sink" if count == 1 else _SEVERAL.format(count)
    logging.getLogger("perfkit").warning(
        "perfkit: %s before the process ended (%s)", which, by_sink
    )


_SEVERAL: Final = "{} violations did not reach their sinks"
