"""Measure the exit and the memory growth of a process whose sinks never respond.

``python -m benchmarks.dead_backend exit CALLS ADDRESSES`` makes CALLS violated calls and exits.
``python -m benchmarks.dead_backend memory CALLS`` warms up, makes CALLS violated calls and prints
the growth of the resident set size in bytes.
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
"""The warm-up has a tenth of the calls, to fill the queue and the pools of the allocator."""


class HangingSink:
    """A sink that never returns."""

    def emit(self, _: Violation) -> None:
        """Wait forever."""
        threading.Event().wait()


def violate_budget(calls: int, sinks: list[Any]) -> None:
    """Configure `sinks` and violate a budget `calls` times."""
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
        with perfkit.budget("violated", duration="0s"):
            pass


def end(calls: str, addresses: str) -> None:
    """Violate a budget `calls` times before the exit, without sinks if `addresses` is empty."""
    urls = json.loads(addresses)
    sinks: list[Any] = [HangingSink(), HangingSink()] if urls else []
    for name in ("silent", "slow", "down") if urls else ():
        sinks.append(WebhookSink(urls[name]))
        sinks.append(AlertmanagerSink(urls[name].removesuffix("/hook")))
    violate_budget(int(calls), sinks)


def grow(calls: str) -> None:
    """Print the memory growth over `calls` violated calls, in bytes."""
    violate_budget(max(2000, int(calls) // _WARM_UP_SHARE), [HangingSink()])
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
