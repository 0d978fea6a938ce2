"""A process whose sinks never answer: how it ends, and how much it grows.

``python -m benchmarks.dead_backend exit CALLS ADDRESSES`` breaks a budget so often and ends;
``python -m benchmarks.dead_backend memory CALLS`` prints by how many bytes it grew, after as many
calls as fill what is filled once.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
from itertools import repeat
from typing import Any, Final

import psutil

import perfkit
from perfkit import Violation
from perfkit.sinks.builtin.alertmanager import AlertmanagerSink
from perfkit.sinks.builtin.webhook import WebhookSink

_WARM_UP_SHARE: Final = 10
"""A tenth of the calls come before, to fill the queue and the allocator's pools."""


class Dead:
    """A sink that never returns."""

    def emit(self, _: Violation) -> None:
        """Wait for nothing."""
        threading.Event().wait()


def break_budget(calls: int, sinks: list[Any]) -> None:
    """Break a budget so often, with these sinks."""
    perfkit.configure(
        perfkit.Catalog(),
        sinks=sinks,
        spans="never",
        delivery="background",
        unknown_budgets="ignore",
    )
    _call(calls)


def _call(calls: int) -> None:
    for _ in repeat(None, calls):
        with perfkit.budget("broken", duration="0s"):
            pass


def end(calls: str, addresses: str) -> None:
    """Break a budget so often; what happens at the exit is what counts. No address, no sink."""
    at = json.loads(addresses)
    sinks: list[Any] = [Dead(), Dead()] if at else []
    for name in ("silent", "slow", "down") if at else ():
        sinks.append(WebhookSink(at[name]))
        sinks.append(AlertmanagerSink(at[name].removesuffix("/hook")))
    break_budget(int(calls), sinks)


def grow(calls: str) -> None:
    """Print the growth in bytes."""
    break_budget(max(2000, int(calls) // _WARM_UP_SHARE), [Dead()])
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    _call(int(calls))
    gc.collect()
    sys.stdout.write(f"{process.memory_info().rss - before}\n")


if __name__ == "__main__":
    if sys.argv[1] == "exit":
        end(*sys.argv[2:])
    else:
        grow(*sys.argv[2:])
