"""Checked by mypy and pyright, not run: decorators and blocks keep exact types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import assert_type

import perfkit
from perfkit import Budget, BudgetResult, Violation, budget, cpu_profiled, memory_profiled, timed


@timed
def bare(number: int, *, by: float = 2.0) -> str:
    return str(number * by)


@timed("session_retrieval")
def named(key: bytes) -> list[int]:
    return list(key)


@timed(target="100ms", threshold=timedelta(milliseconds=300), category="database", critical=True)
async def inline(key: bytes) -> int:
    return len(key)


@memory_profiled("warm_up", threshold="50MB", sinks=["log", "raise"], sample_rate=0.01)
@cpu_profiled
def stacked(*parts: str, **named: int) -> int:
    return len(parts) + len(named)


@timed(first_item="1s", skip_nested=True, include_suspended=True)
def rows(count: int) -> Iterator[int]:
    yield from range(count)


@timed
async def pages(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield str(number)


@contextmanager
@timed("connection")
def connection(name: str) -> Generator[bytes, None, None]:
    yield name.encode()


@timed
class Point:
    def __init__(self, x: int) -> None:
        self.x = x


class Store:
    @timed
    def load(self, key: str) -> bytes:
        return key.encode()

    @classmethod
    @timed("make")
    def make(cls) -> Store:
        return cls()

    @staticmethod
    @timed
    def parse(text: str) -> int:
        return int(text)

    @property
    @timed
    def size(self) -> int:
        return 3


assert_type(bare(1, by=1.5), str)
assert_type(named(b"x"), list[int])
assert_type(stacked("a", b=1), int)
assert_type(rows(3), Iterator[int])
assert_type(pages(3), AsyncIterator[str])
assert_type(Point(3), Point)
assert_type(timed(len)("x"), int)
assert_type(timed(sorted)([2, 1]), list[int])
with connection("x") as opened:
    assert_type(opened, bytes)
assert_type(Store().load("x"), bytes)
assert_type(Store.make(), Store)
assert_type(Store.parse("3"), int)
assert_type(Store().size, int)

bare("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake is seen
bare(1, of=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - the mistake is seen
timed("x", treshold="1s")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] - likewise
budget("x", duration=object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - likewise

with budget("upload", duration=("1s", "2s"), memory_peak={"threshold": "50MB"}) as spent:
    assert_type(spent, BudgetResult)
assert_type(spent.duration, float | None)

assert_type(repr(spent), str)

upload_budget = Budget("upload", target="1s", threshold="2s", memory_peak=("10MB", "50MB"))
assert_type(upload_budget, Budget)
Budget("upload", treshold="1s")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - the mistake is seen
perfkit.ratio("cache", threshold="85%")


async def block() -> None:
    assert_type(await inline(b"x"), int)
    async with budget("upload") as spent:
        assert_type(spent, BudgetResult)


def takes_anything(violation: Violation) -> None:
    raise NotImplementedError(violation)


as_callback: Callable[[Violation], None] = takes_anything
perfkit.configure("perfkit.toml", sinks=["log", as_callback], spans="never")


@budget("upload", sinks=[as_callback], target="1s", threshold=2)
def upload(path: str) -> int:
    return len(path)


assert_type(upload("x"), int)
