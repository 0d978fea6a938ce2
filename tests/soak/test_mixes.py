"""Any mix of calls under the slow probes leaves the process as it was, and no value unexplained."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

import perfkit
from perfkit import Measurement, budget, cpu_profiled, memory_profiled, timed
from perfkit.catalog import parse_limits
from tests.fixtures import Seen
from tests.soak.book import Failure, Hangup
from tests.soak.leftovers import traces

_KINDS: Final = ("cpu", "memory", "stack", "children")
_PROBED: Final = {
    "cpu_time": "1s",
    "memory_peak": "1MB",
    "gc_time": "1s",
    "disk_write_rate": "1GB/s",
}
_EXPECTED: Final = (Failure, Hangup)


def _work(rng: random.Random) -> None:
    held = [bytearray(rng.randrange(2000)) for _ in range(rng.randrange(20))]
    if rng.random() < 0.2:
        gc.collect(0)
    if rng.random() < 0.1:
        time.sleep(0.001)
    if held and rng.random() < 0.15:
        raise rng.choice(_EXPECTED)


class Mix:
    """Calls nested in each other at random; how deep is bounded.

    Args:
        seed: Of all that is random.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - nothing secret
        self._sync = [memory_profiled("peak")(self._call), cpu_profiled("profile")(self._call)]
        self._sync += [timed("explained")(self._call), timed("probed", **_PROBED)(self._call)]
        self._async = [memory_profiled("peak")(self._wait), cpu_profiled("profile")(self._wait)]
        self._async += [timed("explained")(self._wait), timed("probed", **_PROBED)(self._wait)]
        self._items = memory_profiled("peak", cpu_time="1s")(_items)
        self._stream = cpu_profiled("profile", memory_peak="1MB")(_stream)

    def run(self) -> None:
        """Do some of everything: here, in tasks, and in two threads at once."""
        for _ in range(5):
            self._try(3)
        asyncio.run(self._tasks())
        threads = [threading.Thread(target=self._try, args=(2,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()

    def _try(self, depth: int) -> None:
        with suppress(*_EXPECTED):
            self._call(depth)

    def _call(self, depth: int) -> None:
        _work(self._rng)
        if not depth:
            return
        act = self._rng.randrange(4)
        if act == 0:
            self._read(depth)
        elif act == 1:
            with budget("block", **_PROBED):
                self._rng.choice(self._sync)(depth - 1)
        else:
            self._rng.choice(self._sync)(depth - 1)
            self._try(depth - 1)

    def _read(self, depth: int) -> None:
        """Read a generator, calling others between its items; then perhaps leave it in a cycle."""
        cycle: dict[str, Any] = {}
        cycle["itself"] = items = self._items(self._rng, cycle)
        for _ in range(2):
            with suppress(StopIteration):
                next(items)
            self._try(depth - 1)
        if self._rng.random() < 0.5:
            items.close()

    async def _tasks(self) -> None:
        """Run tasks that overlap, and cancel some at whichever point they are."""
        tasks = [asyncio.create_task(self._wait(3)) for _ in range(8)]
        tasks += [asyncio.create_task(self._consume()) for _ in range(4)]
        for task in tasks:
            await asyncio.sleep(0)
            if self._rng.random() < 0.3:
                task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, (*_EXPECTED, asyncio.CancelledError))

    async def _wait(self, depth: int) -> None:
        _work(self._rng)
        await asyncio.sleep(0)
        if depth:
            await self._rng.choice(self._async)(depth - 1)
            self._try(1)
            await asyncio.sleep(0)

    async def _consume(self) -> None:
        stream = self._stream(self._rng)
        async for _ in stream:
            await self._wait(1)
            if self._rng.random() < 0.3:
                return  # the loop closes it


def _items(rng: random.Random, held: dict[str, Any]) -> Iterator[int]:
    for number in range(3):
        _work(rng)
        yield number + len(held)


async def _stream(rng: random.Random) -> AsyncIterator[int]:
    for number in range(3):
        _work(rng)
        await asyncio.sleep(0)
        yield number


def _configure(seen: Seen) -> None:
    limits = parse_limits(perfkit.Metric.DURATION, "0s")
    explained = perfkit.Budget(name="explained", limits=limits, evidence=_KINDS)
    perfkit.configure(
        perfkit.Catalog(budgets=[explained]),
        observers=[seen],
        sinks=[],
        spans="never",
        unknown_budgets="ignore",
        evidence_interval=0.001,
    )


@pytest.mark.parametrize("seed", range(12))
def test_any_mix_leaves_the_process_as_it_was_and_gives_a_reason_for_each_missing_value(
    seed: int,
) -> None:
    with budget("first", **_PROBED):  # the readers of /proc open their files once, to keep them
        pass
    seen = Seen()
    _configure(seen)
    perfkit.evaluate_windows()
    Mix(seed).run()  # what is loaded, and what starts with the first window, is there from here on
    before = traces()
    seen.measurements.clear()
    Mix(seed + 1000).run()
    assert traces() == before
    assert len(seen.measurements) > 20
    assert _unexplained(seen.measurements) == []


def _unexplained(measurements: list[Measurement]) -> list[str]:
    return [
        f"{metric} in {measurement.where.function}"
        for measurement in measurements
        for metric, reading in measurement.readings.items()
        if reading.value is None and not reading.reason
    ]
