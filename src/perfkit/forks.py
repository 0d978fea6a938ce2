"""Reset locks, queues and threads in the child of a fork.

A child has only the thread that forked. Other threads do not exist in it, and a lock that one of
them had acquired is never released.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class WeakRegistry(Generic[T]):
    """Weak references to objects that are still in use. Safe from any thread, and across a fork."""

    # Not a `WeakSet`, which cannot be iterated while another thread adds to it.

    def __init__(self) -> None:
        self._things: WeakValueDictionary[int, T] = WeakValueDictionary()

    def add(self, thing: T) -> None:
        """Add `thing`; it is removed when nothing else refers to it."""
        self._things[id(thing)] = thing

    def __iter__(self) -> Iterator[T]:
        # `valuerefs` copies all references at once, unlike `values`.
        references = self._things.valuerefs()
        return iter([thing for each in references if (thing := each()) is not None])


class AfterFork(Protocol):
    """An object with state to reset in the child of a fork."""

    def after_fork_in_child(self) -> None:
        """Reset to the initial state, with new locks. Called in the child."""


_known: Final[WeakRegistry[AfterFork]] = WeakRegistry()


def register_after_fork(thing: AfterFork) -> None:
    """Call `thing.after_fork_in_child` in each forked child while `thing` is in use."""
    _known.add(thing)


def _after_fork_in_child() -> None:
    for thing in _known:
        thing.after_fork_in_child()


# One hook for all objects, because Python cannot remove a hook. A platform without forks does not
# have the function.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
