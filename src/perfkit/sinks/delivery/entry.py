"""The outermost layer of each sink counts its violations, and the innermost its arrivals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from perfkit.errors import BudgetExceeded
from perfkit.forks import WeakRegistry
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.layer import Layer, buffers, forward, layers_of
from perfkit.sinks.delivery.recursion import thread_state
from perfkit.sinks.delivery.shutdown import register_shutdown
from perfkit.sinks.delivery.signals import is_signal_exception

entries: Final[WeakRegistry[DeliveryEntry]] = WeakRegistry()
"""All that are in use, for `flush_sinks`."""


class DeliveryEntry(Layer):
    """Counts violations, and keeps errors from the caller, except those of the raise sink.

    Args:
        inner: The sink that it wraps.
        **shared: See `Layer`.
    """

    def __init__(self, inner: Sink, **shared: Any) -> None:
        super().__init__(inner, **shared)
        entries.add(self)
        self.reaches_caller = getattr(inner, "reaches_caller", False) is True
        layers = layers_of(inner)
        is_queued = any(isinstance(each, Layer) and each.is_queue for each in layers)
        self._buffers_inline = not is_queued and any(map(buffers, layers))

    def after_fork_in_child(self) -> None:
        """Register for the flush at exit with the next violation."""
        self._is_flushed_at_exit = False

    @property
    def name(self) -> str:
        """The name of the sink in its statistics."""
        return self.stats.sink

    def close(self, seconds: float) -> bool:
        """Flush: there is no thread to end."""
        return self.flush(seconds)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Count and deliver violations.

        Raises:
            BudgetExceeded: If the raise sink raises it.
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
                    # A queued violation is counted by the queue from then on.
                    if thread_state.queued is before:
                        self.stats.drop("interrupted")
                    raise
                self.stats.fail(error)
            finally:
                thread_state.queued = before
        if self._buffers_inline and not self._is_flushed_at_exit:
            self._is_flushed_at_exit = True
            register_shutdown(self)


class DeliveredCounter(Layer):
    """Counts arrivals."""

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver violations to the sink itself, and count them if it did not raise."""
        forward(self.inner, violations)
        self.stats.deliver(len(violations))
