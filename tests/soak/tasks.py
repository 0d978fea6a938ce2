"""What asyncio tasks do in the soak: the same as threads, and cancel each other."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

from perfkit import budget, timed
from tests.soak.book import Book, Failure, Hangup
from tests.soak.load import CANCELLABLE, Load

TASKS: Final = 500


class Tasks:
    """The tasks of one soak, for one event loop.

    Args:
        load: What threads do; tasks do some of it too.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._book: Book = load.book
        self._functions = {name: timed(name)(_wait) for name in CANCELLABLE}
        self._explained = timed("explained")(_wait_shielded)
        self._root = timed("root")(self._many)
        self._stream = timed("stream")(_stream)

    def run(self, seed: int, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        asyncio.run(self._run_all(seed, stop))

    async def _run_all(self, seed: int, stop: threading.Event) -> None:
        workers = [asyncio.create_task(self._work(seed + n, stop)) for n in range(TASKS)]
        for result in await asyncio.gather(*workers, return_exceptions=True):
            if result is not None:
                self._book.surprises.append(repr(result))

    async def _work(self, seed: int, stop: threading.Event) -> None:
        rng = random.Random(seed)  # noqa: S311 - nothing secret
        acts: list[Callable[[random.Random], Awaitable[None]]] = [
            self._call_any, self._call_any, self._call_any, self._cancel_one, self._cancel_one,
            self._call_explained, self._call_root, self._block, self._read, self._abandon,
            self._hand_to_a_thread,
        ]  # fmt: skip
        while not stop.is_set():
            await asyncio.sleep(rng.random() * 0.3)
            try:
                await rng.choice(acts)(rng)
                self._load.act(rng)
            except BaseException:  # noqa: BLE001 - all that was planned is caught where it happens
                self._book.note_surprise()

    async def _call(
        self, name: str, function: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> None:
        """Make one call, and count how it ended. Goes on to be cancelled if it is."""
        error: BaseException | None = None
        try:
            await function(*args)
        except asyncio.CancelledError as caught:
            self._book.count_end(name, caught)
            raise
        except (Failure, Hangup) as caught:
            error = caught
        self._book.count_end(name, error)

    async def _call_any(self, rng: random.Random) -> None:
        name = rng.choice(CANCELLABLE)
        await self._call(name, self._functions[name], rng)

    async def _cancel_one(self, rng: random.Random) -> None:
        """Cancel a task at some point: perhaps before it began, perhaps after it ended."""
        act = rng.choice([self._call_any, self._call_root, self._read, self._block])
        task = asyncio.create_task(act(rng))
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _call_explained(self, rng: random.Random) -> None:
        await self._call("explained", self._explained, rng)

    async def _call_root(self, rng: random.Random) -> None:
        await self._call("root", self._root, rng)

    async def _many(self, rng: random.Random) -> None:
        """Make calls one after another and at once; some outlive this one."""
        await self._call_any(rng)
        inner = [asyncio.create_task(self._call_any(rng)) for _ in range(rng.randrange(4))]
        if rng.random() < 0.7:
            await asyncio.gather(*inner, return_exceptions=True)
        await _wait(rng)

    async def _block(self, rng: random.Random) -> None:
        async def block(rng: random.Random) -> None:
            async with budget("block"):
                await self._call_any(rng)
                await _wait(rng)

        await self._call("block", block, rng)

    async def _read(self, rng: random.Random) -> None:
        """Read a stream to its end, or close it after the first item."""

        async def read(rng: random.Random) -> None:
            stream = self._stream(rng)
            await anext(stream)
            if rng.random() < 0.5:
                await stream.aclose()
            async for _ in stream:
                self._load.call_any(rng)

        await self._call("stream", read, rng)

    async def _abandon(self, rng: random.Random) -> None:
        """Leave a stream after the first item: the loop closes it."""
        await self._call("stream", lambda: anext(self._stream(rng)))

    async def _hand_to_a_thread(self, rng: random.Random) -> None:
        await asyncio.to_thread(self._load.act, rng)


async def _stream(rng: random.Random) -> AsyncIterator[int]:
    """Make a few items."""
    await _wait(rng)
    yield 0
    for number in range(rng.randrange(3)):
        await _wait(rng)
        yield number


async def _wait_shielded(rng: random.Random) -> None:
    await asyncio.sleep(rng.random() * 2e-3)
    if rng.random() < 0.1:
        raise Failure


async def _wait(rng: random.Random) -> None:
    await _wait_shielded(rng)
    if rng.random() < 0.03:
        raise Hangup
