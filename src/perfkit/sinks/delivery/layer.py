"""The base of all layers, and the outermost and the innermost one, which count violations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias, cast, runtime_checkable

from perfkit.errors import BudgetExceeded, ConfigurationError, DeliveryError
from perfkit.forks import WeakRegistry, register_after_fork
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.recursion import thread_state
from perfkit.sinks.delivery.shutdown import register_shutdown
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats

Now = Callable[[], float]
"""Returns seconds since an arbitrary start, such as `time.monotonic`."""

SinkOrCallable: TypeAlias = Sink | Callable[[Violation], object]
"""An object that a layer can wrap."""

PartialFailures: TypeAlias = list[tuple[BaseException, Sequence[Violation]]]
"""The violations that were lost, and the error of each part."""

MOST_KEYS: Final = 1000
"""The largest number of kinds of violations that a layer remembers."""


@runtime_checkable
class SupportsBatch(Protocol):
    """A sink that receives several violations at once: all of them arrive, or it raises.

    A sink without that promise has an attribute ``atomic_batch`` that is False.
    """

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver violations, at least one."""


@runtime_checkable
class Ticks(Protocol):
    """A sink that has work to do now and then, even if no violation arrives."""

    def tick(self) -> float | None:
        """Do the work that is due; return in how many seconds to call again, None for no need."""


class Layer:
    """A sink that wraps another one. By itself it forwards everything. Safe from any thread.

    Args:
        inner: The sink that it wraps, perhaps a layer too, or any callable of one violation.
        stats: Counts what it suppresses or drops; None means statistics of its own.
        now: Returns the time in seconds.

    Raises:
        ConfigurationError: If `inner` is neither.

    Attributes:
        is_queue: Whether another thread forwards.
    """

    is_queue = False

    def __init__(
        self,
        inner: SinkOrCallable,
        *,
        stats: DeliveryStats | None = None,
        now: Now = time.monotonic,
    ) -> None:
        self.inner = as_sink(inner)
        self.stats = stats or DeliveryStats(type(self).__name__)
        self.now = now
        self.after_fork_in_child()
        register_after_fork(self)
        if isinstance(self.inner, Layer):
            self.inner.set_outer(self)

    def set_outer(self, outer: Layer) -> None:
        """Note the outermost layer; each passes it on to the layer within."""
        if isinstance(self.inner, Layer):
            self.inner.set_outer(outer)

    def after_fork_in_child(self) -> None:
        """Set the state of a new layer: at construction, and in the child of a fork."""

    def emit(self, violation: Violation) -> None:
        """Deliver one violation."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver several violations."""
        forward(self.inner, violations)

    def tick(self) -> float | None:
        """Do the work that is due; return in how many seconds the next is, None for none."""
        return tick_of(self.inner)

    def flush(self, seconds: float) -> bool:
        """Deliver everything that waits, for at most `seconds`; return whether nothing waits."""
        return flush_of(self.inner, seconds)

    def drop_pending(self) -> int:
        """Drop and count queued violations at shutdown, also within; return the number dropped."""
        return self.inner.drop_pending() if isinstance(self.inner, Layer) else 0

    # A layer that raises has lost all the violations that it received, and its caller counts them.
    # A layer that lost some of them, while others arrived or were suppressed, counts those itself.

    def _pass_on(self, violations: Sequence[Violation], received: int) -> None:
        """Deliver violations; raise the first failure if all of the `received` are lost."""
        lost = self._lost_of(violations)
        if lost and sum(len(part) for _, part in lost) == received:
            raise lost[0][0]
        self._count_lost(lost)

    def _lost_of(self, violations: Sequence[Violation]) -> PartialFailures:
        """Deliver violations, also those after a failure; return the lost ones."""
        lost: PartialFailures = []
        for part in parts_of(violations, self.inner):
            try:
                forward(self.inner, part)
            except BaseException as error:  # also SystemExit must not affect the others
                if is_signal_exception(error):
                    raise
                lost.append((error, part))
        return lost

    def _count_lost(self, lost: PartialFailures) -> None:
        """Count all lost violations, then report each failure; errors of the listener propagate."""
        for error, part in lost:
            reason = error.reason if isinstance(error, DeliveryError) else "failed"
            self.stats.drop(reason, len(part))
        for error, _ in lost:
            self.stats.report(error)


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
            except BaseException as error:  # also SystemExit must not end the application
                if self.reaches_caller and isinstance(error, BudgetExceeded):
                    self.stats.deliver()
                    raise
                if is_signal_exception(error):
                    # A queued violation is counted by the queue from then on.
                    if thread_state.queued is before:
                        self.stats.drop("interrupted")
                    raise
                self.stats.fail(error)
            finally:
                thread_state.queued = before
        if self._buffers_inline:
            register_shutdown(self)


class DeliveredCounter(Layer):
    """Counts arrivals."""

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver violations to the sink itself, and count them if it did not raise."""
        forward(self.inner, violations)
        self.stats.deliver(len(violations))


def as_sink(thing: object) -> Sink:
    """Return `thing` as a sink; a callable of one violation becomes a `CallbackSink`.

    Raises:
        ConfigurationError: If it is neither; the message does not show it.
    """
    has_emit = callable(getattr(thing, "emit", None))
    if isinstance(thing, type) and has_emit:
        name = thing.__name__
        raise ConfigurationError(f"{name} is a class; make a sink of it, {name}(...)")
    if has_emit:
        return cast("Sink", thing)
    if callable(thing):
        from perfkit.sinks.builtin.callback import CallbackSink  # noqa: PLC0415 - for callables only

        return CallbackSink(thing)
    raise ConfigurationError(
        f"an object of type {type(thing).__name__} is not a sink; pass an object with emit(), such "
        "as LogSink(), or a callable of one violation"
    )


def forward(sink: Sink, violations: Sequence[Violation]) -> None:
    """Deliver `violations` to `sink`: together if it supports batches, else one by one."""
    if len(violations) > 1 and supports_batch(sink):
        many: Any = sink  # layers have it, and so has this sink
        many.emit_many(violations)
        return
    for violation in violations:
        sink.emit(violation)


def supports_batch(sink: Sink) -> bool:
    """Return whether a batch arrives as a whole in the innermost sink."""
    innermost = layers_of(sink)[-1]
    try:
        # Of the class: a mock has every attribute itself. `isinstance` with a protocol would do the
        # same, at the cost of a whole delivery.
        has_method = callable(getattr(type(innermost), "emit_many", None))
        return has_method and bool(getattr(innermost, "atomic_batch", True))
    except BaseException as error:  # it may be a property, and raise anything
        if is_signal_exception(error):
            raise
        return False


def parts_of(violations: Sequence[Violation], sink: Sink) -> Sequence[Sequence[Violation]]:
    """Return the parts that arrive in `sink` as a whole or not at all."""
    if violations and supports_batch(sink):
        return [violations]
    return [(violation,) for violation in violations]


def tick_of(sink: Sink) -> float | None:
    """Call `tick` of a sink that has it. See `Ticks`."""
    if not callable(getattr(type(sink), "tick", None)):  # as above
        return None
    ticking: Any = sink
    wait: object = ticking.tick()
    return wait if isinstance(wait, float | int) and math.isfinite(wait) else None


def flush_of(sink: Sink, seconds: float) -> bool:
    """Call `flush` of a sink that has it; return whether nothing waits."""
    flush = getattr(sink, "flush", None)
    return not callable(flush) or flush(seconds) is not False


def buffers(sink: Sink) -> bool:
    """Return whether `sink` itself may buffer violations, which a flush delivers."""
    is_forwarding = isinstance(sink, Layer) and type(sink).flush is Layer.flush
    return hasattr(sink, "flush") and not is_forwarding


def layers_of(sink: Sink) -> Sequence[Sink]:
    """Return `sink` and everything that it wraps, from the outside in."""
    found: list[Sink] = [sink]
    while isinstance(found[-1], Layer):  # a sink may have any attribute, a mock has all of them
        found.append(found[-1].inner)
    return found
