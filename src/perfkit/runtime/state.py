"""The settings of the process and their generation, replaced atomically under a lock.

Private: use `settings`. A module of its own, so that importing a decorator loads little else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perfkit.reentrancy import Lock

if TYPE_CHECKING:
    from perfkit.runtime.settings import Settings


class State:
    """The settings of the process. Each call reads `generation` without the lock.

    Attributes:
        generation: Incremented when every plan becomes outdated.
        revision: The revision of the OpenTelemetry providers for the plans of this generation.
        settings: The settings in force; None means the default, not made yet.
        make_default: Makes the default settings at first use.
        attributing: Callsites whose budgets need ``children`` evidence.
        lock: Protects changes of the attributes.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.revision = 0
        self.settings: Settings | None = None
        self.make_default: Callable[[], Settings] | None = None
        self.attributing: set[object] = set()
        self.lock = Lock()

    def __reduce__(self) -> str:
        # By name: a function that is pickled by value refers to the state of its new process.
        return "state"


state = State()
