"""The outermost and the innermost layer of each sink: what comes in, and what has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from perfkit.errors import BudgetExceeded
from perfkit.model import Sink, Violation
from perfkit.sinks.depth import here
from perfkit.sinks.layers.layer import Layer, hand_on, keeps_something, layers_of
from perfkit.sinks.process.exits import flush_at_exit
from perfkit.sinks.process.interrupts import is_interrupt
from perfkit.sinks.process.living import Living

entrances: Final[Living[Entrance]] = Living()
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
        layers = layers_of(inner)
        is_queued = any(isinstance(each, Layer) and each.is_queue for each in layers)
        self._keeps_something = not is_queued and any(map(keeps_something, layers))

    def start_anew(self) -> None:
        """Have nothing to bring away at the exit yet."""
        self._is_flushed_at_exit = False

    @property
    def name(self) -> str:
        """What the sink is called in its account."""
        return self.account.sink

    def close(self, seconds: float) -> bool:
        """Do as `flush`: there is no thread to end."""
        return self.flush(seconds)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Take violations.

        Raises:
            BudgetExceeded: If the raise sink wants that.
        """
        for violation in violations:
            before = here.queued
            self.account.take()
            try:
                self.inner.emit(violation)
                if self.reaches_caller:
                    self.account.suppress("not raised")
            except BudgetExceeded as error:
                if self.reaches_caller:
                    self.account.deliver()
                    raise
                self.account.fail(error)
            except BaseException as error:  # also SystemExit must not end the application
                if is_interrupt(error):
                    if here.queued is before:
                        self.account.drop("interrupted")
                    raise
                self.account.fail(error)
            finally:
                here.queued = before
        if self._keeps_something and not self._is_flushed_at_exit:
            self._is_flushed_at_exit = True
            flush_at_exit(self)


class Arrival(Layer):
    """Counts what has arrived."""

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand violations to the sink itself."""
        hand_on(self.inner, violations)
        self.account.deliver(len(violations))
