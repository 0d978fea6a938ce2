"""Flush all sinks when the process ends, within a bounded time."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from perfkit.forks import WeakRegistry
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import stats_registry
from perfkit.text import printable

if TYPE_CHECKING:
    from perfkit.sinks.delivery.layer import DeliveryEntry
    from perfkit.sinks.delivery.queue import DeliveryQueue

EXIT_SECONDS: Final = 1.5
"""The longest delay of the exit of a process, for all sinks together."""


_buffering: Final[WeakRegistry[DeliveryEntry | DeliveryQueue]] = WeakRegistry()
_is_registered = False
_worker = 0


def register_shutdown(layer: DeliveryEntry | DeliveryQueue) -> None:
    """Flush `layer` at the exit of the process, if it still exists."""
    global _is_registered  # noqa: PLW0603 - one hook for all, registered when it is first needed
    if not _is_registered:
        _is_registered = True  # first, or another thread would register it too
        atexit.register(_flush_and_drop)
    _flush_at_end_of_worker()
    _buffering.add(layer)


def _flush_at_end_of_worker() -> None:
    """Flush also at the end of a forked worker of `multiprocessing`, which skips atexit."""
    global _worker  # noqa: PLW0603 - once in each process
    module = sys.modules.get("multiprocessing.process")
    parent_of = getattr(module, "parent_process", None)  # it may be partially imported
    # Asked each time: a forkserver imports the main module before it tells the worker its parent.
    if parent_of is None or parent_of() is None or _worker == os.getpid():
        return
    from multiprocessing.util import Finalize  # noqa: PLC0415 - for its workers only

    _worker = os.getpid()
    Finalize(None, _flush_and_drop, exitpriority=0)


def flush_all(seconds: float) -> bool:
    """Flush all layers that buffer, for at most `seconds`; return whether nothing waits."""
    deadline = time.monotonic() + seconds
    results = [_try_until(deadline, layer.flush) for layer in _buffering]
    return all(results)


def close_all(seconds: float) -> bool:
    """Flush all layers that buffer, for at most `seconds`, and end their threads."""
    deadline = time.monotonic() + seconds
    results = [_try_until(deadline, layer.close) for layer in _buffering]
    return all(results)


def _flush_and_drop() -> None:
    """Flush all layers, drop queued violations, and log how many did not arrive."""
    deadline = time.monotonic() + EXIT_SECONDS
    layers = list(_buffering)
    # Each has a share of half the time first, so that healthy sinks are flushed although others
    # hang; the rest of the time is for those that did not finish.
    share = EXIT_SECONDS / (2 * max(1, len(layers)))
    late = [each for each in layers if not _try_until(time.monotonic() + share, each.flush)]
    for layer in late:
        _try_until(deadline, layer.flush)
    lost = Counter[str]()
    for layer in layers:
        lost[layer.stats.sink] += layer.drop_pending()
    for totals in stats_registry.totals():
        lost[totals.sink] += totals.waiting  # being delivered: whether it arrives stays unknown
    lost = +lost  # without those that are zero
    if count := lost.total():
        which = "1 violation did not reach its sink"
        if count > 1:
            which = f"{count} violations did not reach their sinks"
        by_sink = ", ".join(f"{printable(sink)}: {each}" for sink, each in lost.most_common())
        logging.getLogger("perfkit").warning(
            "perfkit: %s before the process ended (%s)", which, by_sink
        )


def _try_until(deadline: float, function: Callable[[float], bool]) -> bool:
    """Flush or close; a sink without a thread of its own may raise anything here."""
    try:
        return function(max(0.0, deadline - time.monotonic()))
    except BaseException as error:  # the log has the number of the lost at the end
        if is_signal_exception(error):
            raise
        return False
