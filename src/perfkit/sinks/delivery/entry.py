"""The outermost and the innermost layer of each sink: what comes in, and what has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from perfkit.errors import BudgetExceeded
from perfkit.forks import WeakRegistry
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.layer import Layer, buffers, forward, layers_of
from perfkit.sinks.delivery.recursion import thread_state
from perfkit.sinks.delivery.shutdown import flush_at_exit
from perfkit.sinks.delivery.signals import is_signal_exception

entrances: Final[WeakRegistry[DeliveryEntry]] = WeakRegistry()
"""Every one that is in use, for `flush_sinks`."""


class DeliveryEntry(Layer):
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
        self._keeps_something = not is_queued and any(map(buffers, layers))

    def after_fork_in_child(self) -> None:
        """Have nothing to bring away at the exit yet."""
        self._is_flushed_at_exit = False

    @property
    def name(self) -> str:
        """What the sink is called in its account."""
        return self.stats.sink

    def close(self, seconds: float) -> bool:
        """Do as `flush`: there is no thread to end."""
        return self.flush(seconds)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Take violations.

        Raises:
            BudgetExceeded: If the raise sink wants that.
        """
        for violation in violations:
            before = thread_state.queued
            self.stats.take()
            try:
                self.inner.emit(violation)
                if self.reaches_caller:
                    self.stats.suppress("not raised")
            except BudgetExceeded as error:
                if self.reaches_caller:
                    self.stats.deliver()
                    raise
                self.stats.fail(error)
            except BaseException as error:  # also SystemExit must not end the application
                if is_signal_exception(error):
                    if thread_state.queued is before:
                        self.stats.drop("interrupted")
                    raise
                self.stats.fail(error)
            finally:
                thread_state.queued = before
        if self._keeps_something and not self._is_flushed_at_exit:
            self._is_flushed_at_exit = True
            flush_at_exit(self)


class DeliveredCounter(Layer):
    """Counts what has arrived."""

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand violations to the sink itself."""
        forward(self.inner, violations)
        self.stats.deliver(len(violations))
