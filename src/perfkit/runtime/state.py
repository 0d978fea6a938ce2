"""The process's settings, and the number that moves with them. Replaced whole, under a lock.

Strictly private: `settings` is the way to it. A module of its own, so that a door that is put into
code loads next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perfkit.reentrancy import Lock

if TYPE_CHECKING:
    from perfkit.runtime.settings import Settings


class State:
    """The process's settings. `generation` is read without the lock, at each call.

    Attributes:
        generation: Another number means that every plan is to be made anew.
        revision: The providers of OpenTelemetry that the plans of this generation were made for.
        settings: Those in force; None means the default ones, not made yet.
        make_default: Makes the default ones, when they are first needed.
        attributing: Places in the code that ask which budgets their calls spend time in.
        lock: Held while any of these changes.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.revision = 0
        self.settings: Settings | None = None
        self.make_default: Callable[[], Settings] | None = None
        self.attributing: set[object] = set()
        self.lock = Lock()

    def __reduce__(self) -> str:
        return "state"  # by its name: a function that is pickled by value refers to it


state = State()
