"""Let sinks and their layers start anew in the child of a fork, and notice which sinks fork.

Threads do not live on in a child, and a lock that another thread held stays held for ever.
"""

from __future__ import annotations

import os
import threading
from typing import Final, Protocol
from weakref import WeakSet


class StartsAnew(Protocol):
    """Has state that is not to live on in the child of a fork."""

    def start_anew(self) -> None:
        """Be as if just made, with locks that nobody holds. Called in the child."""


class _Here(threading.local):
    """Of one thread."""

    forks = 0


here: Final = _Here()
"""`forks` is how often this thread has forked, or had another one fork for it."""

_known: Final[WeakSet[StartsAnew]] = WeakSet()
_is_registered = False


def survive_forks(thing: StartsAnew) -> None:
    """Let `thing` start anew in each forked child, as long as it lives."""
    global _is_registered  # noqa: PLW0603 - a hook cannot be taken back, so there is one for all
    if not _is_registered and hasattr(os, "register_at_fork"):
        _is_registered = True
        os.register_at_fork(after_in_child=_start_anew, after_in_parent=_count)
    _known.add(thing)


def _start_anew() -> None:
    for thing in tuple(_known):
        thing.start_anew()


def _count() -> None:
    here.forks += 1
