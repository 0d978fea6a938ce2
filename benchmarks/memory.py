"""Measure the memory growth of a process over many calls.

``python -m benchmarks.memory module:function CALLS`` prints the growth of one row in bytes.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Final

import psutil

import perfkit
from benchmarks.measured import Setting, make_budget
from benchmarks.subject import calls_of, handle
from benchmarks.worker import load

BUDGETS: Final = 40
_FLUSHES: Final = 10


def metrics_only() -> Callable[[int], None]:
    """Return a function that makes a number of calls of each budget, without spans."""
    return _calls("never")


def spans_and_metrics() -> Callable[[int], None]:
    """Return a function that makes a number of calls of each budget, with a span for each."""
    return _calls("always")


def _calls(spans: str) -> Callable[[int], None]:
    names = [f"handle_{number}" for number in range(BUDGETS)]
    setting = Setting([make_budget(name) for name in names], spans=spans)
    decorated = [calls_of(perfkit.timed(name)(handle)) for name in names]
    blocks = [calls_of(_in_block(name)) for name in names]

    def run(calls: int) -> None:
        for kind in (decorated, blocks):
            for call in kind:
                call(calls // 2)
        setting.flush()

    return run


def _in_block(name: str) -> Callable[..., object]:
    def block(user: str, key: str, *, limit: int) -> object:
        with perfkit.budget(name):
            return handle(user, key, limit=limit)

    return block


def growth_bytes(run: Callable[[int], None], calls: int) -> int:
    """Return the growth of the resident set size over `calls` calls, after as many to warm up.

    The warm-up fills the buffers of the budgets, the SDK's queues, and the pools of the allocator,
    which on a busy machine need some rounds to reach their full size.
    """
    each = max(2, calls // BUDGETS // _FLUSHES)
    for _ in range(_FLUSHES):
        run(each)
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    for _ in range(_FLUSHES):
        run(each)
    gc.collect()
    return int(process.memory_info().rss - before)


def main(source: str, calls: str) -> None:
    """Print the growth of the row `source` in bytes."""
    sys.stdout.write(f"{growth_bytes(load(source)(), int(calls))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
