"""Reset locks, queues and threads in the child of a fork.

A child has only the thread that forked: other threads are gone, and a lock that one of them had
acquired is never released.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class WeakRegistry(Generic[T]):
    """Weak references to objects that are still in use. Safe from any thread, and across a fork.

    A `WeakSet` cannot be iterated while another thread adds to it.
    """

    def __init__(self) -> None:
        self._things: WeakValueDictionary[int, T] = WeakValueDictionary()

    def add(self, thing: T) -> None:
        """Add `thing`, until nothing else refers to it."""
        self._things[id(thing)] = thing

    def __iter__(self) -> Iterator[T]:
        references = self._things.valuerefs()  # copied at once, unlike its values
        return iter([thing for each in references if (thing := each()) is not None])


class AfterFork(Protocol):
    """Has state that is not to live on in the child of a fork."""

    def after_fork_in_child(self) -> None:
        """Reset to the initial state, with new locks. Called in the child."""


_known: Final[WeakRegistry[AfterFork]] = WeakRegistry()
_is_registered = False


def register_after_fork(thing: AfterFork) -> None:
    """Let `thing` start anew in each forked child, as long as it lives."""
    global _is_registered  # noqa: PLW0603 - a hook cannot be taken back, so there is one for all
    if not _is_registered and hasattr(os, "register_at_fork"):
        _is_registered = True
        os.register_at_fork(after_in_child=_after_fork_in_child)
    _known.add(thing)


def _after_fork_in_child() -> None:
    for thing in _known:
        thing.after_fork_in_child()
