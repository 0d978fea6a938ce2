"""What all layers share: they wrap a sink, hand on what comes, and keep an account."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, ParamSpec, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from perfkit.errors import ConfigurationError
from perfkit.forks import register_after_fork, without_child
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats

P = ParamSpec("P")
R = TypeVar("R")

Now = Callable[[], float]
"""Tells seconds from an arbitrary start, such as `time.monotonic`."""

SinkOrCallable: TypeAlias = Sink | Callable[[Violation], object]
"""What a layer can wrap."""


@runtime_checkable
class SupportsBatch(Protocol):
    """A sink that takes several violations at once: all of them arrive, or it raises.

    One that cannot promise that always says so by an attribute ``atomic_batch`` that is False.
    """

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver violations, at least one."""


@runtime_checkable
class Ticks(Protocol):
    """A sink that has to do something now and then, though no violation comes."""

    def tick(self) -> float | None:
        """Do what is due; return in how many seconds to call again, None if nothing is pending."""


class Layer:
    """A sink that wraps another one. By itself it hands everything on. Safe from any thread.

    Args:
        inner: The sink that it wraps, perhaps a layer too, or any callable of one violation.
        account: Counts what it holds back or loses; None means one of its own.
        now: Tells the time.

    Raises:
        ConfigurationError: If `inner` is neither.

    Attributes:
        is_queue: Whether what it is given is handed on by another thread.
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
        """Take note that `outer` is the outermost layer now; each tells what it wraps."""
        if isinstance(self.inner, Layer):
            self.inner.set_outer(outer)

    def after_fork_in_child(self) -> None:
        """Be as if just made: at first, and in the child of a fork."""

    def emit(self, violation: Violation) -> None:
        """Take one violation."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Take several violations."""
        forward(self.inner, violations)

    def tick(self) -> float | None:
        """Do what is due; return in how many seconds something is next, None for nothing."""
        return tick_of(self.inner)

    def flush(self, seconds: float) -> bool:
        """Bring what waits to its place, for at most so long; tell whether nothing waits now."""
        return flush_of(self.inner, seconds)

    def drop_pending(self) -> int:
        """Drop and count what waits here and within, as the process ends; return how much."""
        return self.inner.drop_pending() if isinstance(self.inner, Layer) else 0


def as_sink(thing: object) -> Sink:
    """Return `thing` as a sink: any callable of one violation is one, too.

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
    if isinstance(thing, str):
        raise ConfigurationError("a name is no sink here; give the sink itself, such as LogSink()")
    raise ConfigurationError(
        f"what is of type {type(thing).__name__} is no sink; give an object with emit(), or a "
        "callable of one violation"
    )


def forward(sink: Sink, violations: Sequence[Violation]) -> None:
    """Give `violations` to `sink`: at once if it is made for that, else one by one."""
    if len(violations) > 1 and supports_batch(sink):
        many: Any = sink  # layers have it, and so has this sink
        _call(sink, many.emit_many, violations)
        return
    for violation in violations:
        _call(sink, sink.emit, violation)


def _call(sink: Sink, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a method of a sink: of a layer, or of the ending, which may fork."""
    if isinstance(sink, Layer):
        return function(*args, **kwargs)
    return without_child(function, *args, **kwargs)


def supports_batch(sink: Sink) -> bool:
    """Tell whether many violations at once arrive together in the sink that the layers wrap."""
    ending = layers_of(sink)[-1]
    try:
        return _has(ending, "emit_many") and bool(getattr(ending, "atomic_batch", True))
    except BaseException as error:  # it may be a property, and raise anything
        if is_signal_exception(error):
            raise
        return False


def parts_of(violations: Sequence[Violation], sink: Sink) -> Iterator[Sequence[Violation]]:
    """Yield what to give to `sink` at once, so that each part arrives whole or not at all."""
    if supports_batch(sink):
        yield violations
    else:
        yield from ((violation,) for violation in violations)


def tick_of(sink: Sink) -> float | None:
    """Let `sink` do what is due, if it ever has anything due. See `Ticks`."""
    if not _has(sink, "tick"):
        return None
    ticking: Any = sink
    wait: object = _call(sink, ticking.tick)
    return wait if isinstance(wait, float | int) and math.isfinite(wait) else None


def _has(sink: Sink, method: str) -> bool:
    """Tell whether `sink` is made with such a method; a mock has any that it is asked for.

    `isinstance` with a protocol would say the same, at the cost of a whole delivery.
    """
    return callable(getattr(type(sink), method, None))


def flush_of(sink: Sink, seconds: float) -> bool:
    """Let `sink` bring away what waits, if it has a ``flush``; tell whether nothing waits now."""
    flush = getattr(sink, "flush", None)
    if not callable(flush):
        return True
    return _call(sink, flush, seconds) is not False


def buffers(sink: Sink) -> bool:
    """Tell whether `sink` itself may keep violations for later, which a flush brings away."""
    if isinstance(sink, Layer):
        return type(sink).flush is not Layer.flush
    return hasattr(sink, "flush")


def sooner(one: float | None, other: float | None) -> float | None:
    """Return the shorter of two waits, where None is no wait at all."""
    return other if one is None else one if other is None else min(one, other)


def layers_of(sink: Sink) -> Sequence[Sink]:
    """Return `sink` and all that it wraps, from the outside in."""
    found: list[Sink] = [sink]
    while isinstance(found[-1], Layer):  # a sink may have any attribute, a mock has all of them
        found.append(found[-1].inner)
    return found


MOST_KEYS: Final = 1000
"""How many kinds of violations a layer remembers at once."""
