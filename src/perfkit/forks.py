"""Let sinks and their layers start anew in the child of a fork, and notice which sinks fork.

A child has only the thread that forked: other threads are gone, and a lock that one of them had
acquired is never released.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Final, Generic, ParamSpec, Protocol, TypeVar
from weakref import WeakValueDictionary

P = ParamSpec("P")
R = TypeVar("R")
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


class _Here(threading.local):
    """Of one thread."""

    forks = 0


thread_state: Final = _Here()
"""`forks` is how often this thread has forked, or had another one fork for it."""

_known: Final[WeakRegistry[AfterFork]] = WeakRegistry()
_is_registered = False


def register_after_fork(thing: AfterFork) -> None:
    """Let `thing` start anew in each forked child, as long as it lives."""
    global _is_registered  # noqa: PLW0603 - a hook cannot be taken back, so there is one for all
    if not _is_registered and hasattr(os, "register_at_fork"):
        _is_registered = True
        os.register_at_fork(after_in_child=_after_fork_in_child, after_in_parent=_count)
    _known.add(thing)


def _after_fork_in_child() -> None:
    for thing in _known:
        thing.after_fork_in_child()


def _count() -> None:
    thread_state.forks += 1


def without_child(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call `function` of a sink. If it forks, the child ends as soon as it is done with it.

    What comes after is the parent's to do: there may be other sinks, and the rest of a batch, and
    in the thread of a call the whole application.

    Raises:
        BaseException: What `function` raises, in this process. The child ends with 1 then, or with
            what a `SystemExit` says.
    """
    pid = os.getpid()
    try:
        answer = function(*args, **kwargs)
    except BaseException as error:
        if os.getpid() != pid:
            os._exit(_exit_code(error))
        raise
    if os.getpid() != pid:
        os._exit(0)
    return answer


def _exit_code(error: BaseException) -> int:
    code = error.code if isinstance(error, SystemExit) else 1
    return 0 if code is None else code & 0xFF if isinstance(code, int) else 1
