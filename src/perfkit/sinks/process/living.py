"""Things that are known as long as they live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Living(Generic[T]):
    """What was added to it and is still in use. Safe from any thread, and across a fork.

    A set of weak references cannot be gone through while another thread adds to it.
    """

    def __init__(self) -> None:
        self._things: WeakValueDictionary[int, T] = WeakValueDictionary()

    def add(self, thing: T) -> None:
        """Know `thing` from now on."""
        self._things[id(thing)] = thing

    def __iter__(self) -> Iterator[T]:
        references = self._things.valuerefs()  # copied at once, unlike its values
        return iter([thing for each in references if (thing := each()) is not None])
