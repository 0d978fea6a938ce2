"""Flush the sinks and read their statistics, on demand."""

from __future__ import annotations

import time

from perfkit.sinks.delivery.layer import DeliveryEntry, entries
from perfkit.sinks.delivery.shutdown import close_all, flush_all
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import Totals, stats_registry


def flush_sinks(seconds: float = 5.0) -> bool:
    """Deliver the violations that wait for their sinks, for at most `seconds`.

    At the exit of the process this happens by itself, for 1.5 s. Call it where a process may end
    otherwise, such as in a handler of SIGTERM, and in tests that use ``delivery="background"``.

    Args:
        seconds: The longest time to wait, for all sinks together.

    Returns:
        Whether nothing waits now.

    Safe from any thread, though not from a sink. Blocks; in a coroutine call it with
    `asyncio.to_thread`.
    """
    deadline = time.monotonic() + seconds
    results = []
    failed: list[tuple[DeliveryEntry, BaseException]] = []
    for entry in entries:
        try:
            entry.tick()
            results.append(entry.flush(max(0.0, deadline - time.monotonic())))
        except BaseException as error:  # a sink may raise anything
            if is_signal_exception(error):
                raise
            failed.append((entry, error))
    results.append(flush_all(max(0.0, deadline - time.monotonic())))
    for entry, failure in failed:
        entry.stats.report(failure)
    return all(results) and not failed


def close_sinks(seconds: float) -> bool:
    """Flush the sinks, and end the threads that deliver; the next violation starts another."""
    return close_all(seconds)


def sink_stats() -> tuple[Totals, ...]:
    """Return the statistics of each sink in this process.

    For each, ``raised == delivered + suppressed + dropped + waiting``, exactly. The same figures
    are the metrics ``perfkit.sink.delivered``, ``.suppressed`` and ``.dropped``.

    >>> import perfkit
    >>> def ring_the_bell(violation):
    ...     pass
    >>> with perfkit.override(perfkit.Catalog(), sinks=[ring_the_bell], delivery="inline"):
    ...     with perfkit.budget("instant", duration="0s"):
    ...         pass
    >>> [totals.delivered for totals in perfkit.sink_stats() if totals.sink == "ring_the_bell"]
    [1]

    Safe from any thread.
    """
    return stats_registry.totals()
