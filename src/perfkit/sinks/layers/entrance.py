"""The outermost and the innermost layer of each sink: what comes in, and what has arrived."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakSet

from perfkit.errors import BudgetExceeded
from perfkit.model import Sink, Violation
from perfkit.sinks.layers.layer import Layer, hand_on

entrances: Final[WeakSet[Entrance]] = WeakSet()
"""Every one that is in use, for `flush_sinks`."""


class Entrance(Layer):
    """Counts what comes in, and keeps what fails from the caller; the raise sink may raise.

    Args:
        inner: The sink that it wraps.
        **shared: See `Layer`.
    """

    def __init__(self, inner: Sink, **shared: Any) -> None:
        super().__init__(inner, **shared)
        entrances.add(self)
        self.reaches_caller = getattr(inner, "reaches_caller", False) is True

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Take violations.

        Raises:
            BudgetExceeded: If the raise sink wants that.
        """
        for violation in violations:
            self.account.take()
            try:
                self.inner.emit(violation)
                if self.reaches_caller:
                    self.account.suppress("not raised")
            except KeyboardInterrupt:
                self.account.drop("interrupted")
                raise
            except BudgetExceeded as error:
                if self.reaches_caller:
                    self.account.deliver()
                    raise
                self.account.fail(error)
            except BaseException as error:  # noqa: BLE001 - also SystemExit must not end the application
                self.account.fail(error)


class Arrival(Layer):
    """Counts what has arrived."""

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand violations to the sink itself."""
        pid = os.getpid()
        hand_on(self.inner, violations)
        if os.getpid() == pid:  # else the sink has forked, and this is the child
            self.account.deliver(len(violations))
