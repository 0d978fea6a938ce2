"""What threads do in the soak: calls of every kind that fail, hang up, nest, and are abandoned."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import perfkit
from perfkit import BudgetExceeded, budget, cpu_profiled, memory_profiled, ratio, timed
from tests.soak.book import Book, Failure, Hangup

CANCELLABLE: Final = (
    "light", "spanned", "late", "promised", "windowed", "counted", "cpu", "memory", "cut",
    "resident",
)  # fmt: skip
_DECORATORS: Final[dict[str, Callable[[Any], Any]]] = {
    **{name: timed(name) for name in CANCELLABLE},
    "traced": memory_profiled("traced", every=5),
    "profiled": cpu_profiled("profiled", every=5),
}
"""What each budget is held by, where calls may end in any way."""


class Load:
    """The work of one soak, for any number of threads.

    Args:
        book: Where each call is counted by the one who made it.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.functions = {name: decorate(_anything) for name, decorate in _DECORATORS.items()}
        self.functions["explained"] = timed("explained")(_never_cancelled)
        self.root = timed("root")(self._many)
        self.items = timed("items")(_items)
        self._never_ended = timed("abandoned")(_items)
        self._lookups = ratio("hits")
        self._acts = [
            *([self.call_any] * 12), self._block, self._named_block, self._inline_block,
            self.count_hits, self._generator, self._generator, self._abandoned, self._root,
        ]  # fmt: skip

    def run(self, seed: int, stop: threading.Event) -> None:
        """Work until `stop` is set; what nobody asked for is noted."""
        rng = random.Random(seed)  # noqa: S311 - nothing secret
        while not stop.is_set():
            self.act(rng)

    def act(self, rng: random.Random) -> None:
        """Do one thing."""
        try:
            rng.choice(self._acts)(rng)
        except BaseException:  # noqa: BLE001 - all that was planned is caught where it happens
            self.book.note_surprise()

    def act_on_all(self, rng: random.Random) -> None:
        """Do everything once, so that each budget has a plan under the settings now in force."""
        for name, function in self.functions.items():
            self.call(name, function, rng)
        for act in self._acts:
            act(rng)

    def call(self, name: str, function: Callable[..., Any], *args: Any) -> None:
        """Make one call, and count how it ended."""
        error: BaseException | None = None
        try:
            function(*args)
        except (Failure, Hangup, BudgetExceeded) as caught:
            error = caught
        self.book.count_end(name, error)

    def call_any(self, rng: random.Random) -> None:
        """Make one call of a function of any budget."""
        name = rng.choice([*self.functions])
        self.call(name, self.functions[name], rng)

    def _root(self, rng: random.Random) -> None:
        self.call("root", self.root, rng)

    def _many(self, rng: random.Random) -> None:
        for _ in range(rng.randrange(4)):
            self.call_any(rng)
        if rng.random() < 0.1:
            self._root(rng)
        _anything(rng)

    def _block(self, rng: random.Random) -> None:
        def block(rng: random.Random) -> None:
            with budget("block") as spent:
                self.call_any(rng)
                _anything(rng)
            assert spent.duration is not None

        self.call("block", block, rng)

    def _named_block(self, rng: random.Random) -> None:
        """Enter one block twice at once, the inner one to fail."""
        block = budget("light")

        def inner(rng: random.Random) -> None:
            with block:
                _anything(rng)

        def outer(rng: random.Random) -> None:
            with block:
                self.call("light", inner, rng)

        self.call("light", outer, rng)

    def _inline_block(self, rng: random.Random) -> None:
        """Hold a block to limits of its own, with a function made anew each time."""

        def block(rng: random.Random) -> None:
            limit = {"threshold": "1%", "window": "2s"}
            sinks = ["raise", lambda violation: None]
            with budget("inline", duration="300us", error_ratio=limit, sinks=sinks):
                _anything(rng)

        self.call("inline", block, rng)

    def count_hits(self, rng: random.Random) -> None:
        """Count tries inside a block, and one outside."""

        def block(rng: random.Random) -> None:
            with budget("hits") as spent:
                for _ in range(rng.randrange(4)):
                    self._try_once(spent, rng)
                _anything(rng)

        self._try_once(self._lookups, rng)
        self.call("hits", block, rng)

    def _try_once(self, counter: perfkit.BudgetResult | perfkit.Ratio, rng: random.Random) -> None:
        is_hit = rng.random() < 0.8
        (counter.hit if is_hit else counter.miss)()
        self.book.try_once(hits=is_hit)

    def _generator(self, rng: random.Random) -> None:
        """Read a generator to its end or a part of it, then close it or throw into it."""

        def read(rng: random.Random) -> None:
            generator = self.items(rng, {})
            next(generator)
            fate = rng.randrange(4)
            if fate == 0:
                generator.close()
            elif fate == 1:
                generator.throw(Failure())
            elif fate == 2:
                generator.throw(Hangup())
            for _ in generator:
                self.call_any(rng)

        self.call("items", read, rng)

    def _abandoned(self, rng: random.Random) -> None:
        """Leave a generator in a cycle of references, for the garbage collector to close."""

        def begin(rng: random.Random) -> None:
            cycle: dict[str, Any] = {}
            cycle["itself"] = self._never_ended(rng, cycle)
            next(cycle["itself"])

        self.call("abandoned", begin, rng)


def _items(rng: random.Random, held: dict[str, Any]) -> Iterator[int]:
    """Make a few items. What is `held` lives as long as this does."""
    _anything(rng)
    yield len(held)
    for number in range(rng.randrange(3)):
        _anything(rng)
        yield number


def _never_cancelled(rng: random.Random) -> None:
    roll = rng.random()
    if roll < 0.1:
        time.sleep(rng.random() * 2e-3)
    elif roll < 0.3:
        held = [bytes(rng.randrange(200)) for _ in range(rng.randrange(500))]
        held.sort()
    if roll > 0.9:
        raise Failure


def _anything(rng: random.Random) -> None:
    _never_cancelled(rng)
    if rng.random() < 0.03:
        raise Hangup
