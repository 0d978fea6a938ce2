"""Build the delivery layers around sinks, in a fixed order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from perfkit.model import Clock, Policy, Sink
from perfkit.runtime import internal_errors
from perfkit.sinks.delivery.circuit_breaker import CircuitBroken
from perfkit.sinks.delivery.deduplicate import Deduplicated
from perfkit.sinks.delivery.layer import DeliveredCounter, DeliveryEntry, Layer, layers_of
from perfkit.sinks.delivery.queue import DeliveryQueue, Queued
from perfkit.sinks.delivery.retry import Retried
from perfkit.sinks.delivery.stats import DeliveryStats, stats_registry
from perfkit.sinks.delivery.suppressing import Filtered, RateLimited

_MOST_QUEUES: Final = 64
"""The maximum number of sinks made in code with their own queue; further ones share one."""


class SinkChains:
    """Builds the chain of layers through which violations reach a sink. Needs a lock around it.

    From the outside in: `DeliveryEntry` counts violations, then `Filtered`, `Deduplicated`,
    `RateLimited` and `DeliveryQueue`. In the thread of the queue: `CircuitBroken`, `Retried`, and
    `DeliveredCounter`, which counts deliveries. With `in_background`, a sink without the option
    ``background`` has a thread of its own.
    """

    def __init__(self, clock: Clock, *, in_background: bool) -> None:
        self._now = lambda: clock.monotonic_ns() / 1e9
        self._in_background = in_background
        self._adopted: dict[int, tuple[Sink, Sink]] = {}
        self._queues: dict[object, DeliveryQueue] = {}

    def declared(
        self,
        name: str,
        sink: Sink,
        policy: Policy,
        *,
        secrets: Collection[str] = (),
    ) -> Sink:
        """Return the chain of a sink of the catalog; its policy has the defaults of its type.

        Reports of the sink do not contain `secrets`.
        """
        shared = self._shared(name)
        shared["stats"].redact(secrets)
        # The raise sink must run in the thread of the call. An exception in another thread would
        # not reach the caller.
        if getattr(sink, "reaches_caller", False) is True:
            return DeliveryEntry(sink, **shared)
        is_queued = self._in_background if policy.background is None else policy.background
        inner = _trying(sink, policy, shared)
        if is_queued:
            assert policy.queue_size is not None  # noqa: S101 - in every default policy
            assert policy.when_full is not None  # noqa: S101 - likewise
            batch: dict[str, Any] = (
                {"batch_size": policy.batch_size, "batch_wait": policy.batch_wait or 5.0}
                if (policy.batch_size or 1) > 1
                else {}
            )
            inner = DeliveryQueue(inner, policy.queue_size, policy.when_full, **batch, **shared)
        return DeliveryEntry(_holding_back(inner, policy, shared), **shared)

    def wrap_layers(self, sink: Sink) -> Sink:
        """Return the chain of a sink made in code; the same one at each call with a sink."""
        if isinstance(sink, DeliveryEntry):
            return sink
        known = self._adopted.get(id(sink))
        if known is not None:
            return known[1]
        # A block may create its callback at each entry. A reference to each of them would be a
        # memory leak. An id is unique only as long as the sink is referenced.
        is_kept = not hasattr(sink, "function") and len(self._adopted) < _MOST_QUEUES
        chain = self._chain_of(sink, is_kept=is_kept)
        if is_kept:
            self._adopted[id(sink)] = (sink, chain)
        return chain

    def _chain_of(self, sink: Sink, *, is_kept: bool) -> Sink:
        shared = self._shared(_name_of(sink))
        if getattr(sink, "reaches_caller", False) is True:
            return DeliveryEntry(sink, **shared)
        # Around layers of the application, the counter of deliveries would include violations that
        # these layers suppress. It must be the innermost layer.
        inner = (
            _with_account(sink, shared["stats"])
            if isinstance(sink, Layer)
            else DeliveredCounter(sink, **shared)
        )
        has_queue = any(isinstance(layer, DeliveryQueue) for layer in layers_of(sink))
        if not self._in_background or has_queue:
            return DeliveryEntry(inner, **shared)
        # Callbacks that a block creates share a queue by their code, and so a thread.
        if is_kept:
            return DeliveryEntry(DeliveryQueue(inner, **shared), **shared)
        return DeliveryEntry(Queued(inner, self._queue_of(sink), **shared), **shared)

    def _queue_of(self, sink: Sink) -> DeliveryQueue:
        """Return a queue for `sink`; callbacks with the same code share it."""
        key = _code_of(sink)
        if key not in self._queues and len(self._queues) >= _MOST_QUEUES:
            key = None
        if key not in self._queues:
            shared = self._shared("others" if key is None else _name_of(sink))
            # Its own sink is not used: each queued item names another.
            self._queues[key] = DeliveryQueue(lambda _: None, **shared)
        return self._queues[key]

    def _shared(self, name: str) -> dict[str, Any]:
        """Return the arguments of each layer of a sink."""
        return {"stats": stats_registry.stats_of(name, internal_errors.report), "now": self._now}


def _trying(sink: Sink, policy: Policy, shared: dict[str, Any]) -> Sink:
    inner: Sink = DeliveredCounter(sink, **shared)
    if (policy.max_attempts or 1) > 1:
        inner = Retried(inner, policy.max_attempts or 1, **shared)
    if policy.max_failures:
        inner = CircuitBroken(inner, policy.max_failures, policy.failure_cooldown or 30.0, **shared)
    return inner


def _holding_back(inner: Sink, policy: Policy, shared: dict[str, Any]) -> Sink:
    """Return `inner` with the layers that suppress violations, in the thread of the call."""
    # Outside the queue, so that suppressed violations do not fill it. The filter is outermost: a
    # violation that does not match must not use the rate or begin an episode.
    if policy.rate_limit:
        inner = RateLimited(inner, policy.rate_limit, policy.burst or 1, **shared)
    if policy.repeat_interval or policy.resolve_after:
        inner = Deduplicated(
            inner,
            policy.repeat_interval or None,
            policy.resolve_after or None,
            send_resolved=policy.send_resolved is not False,
            **shared,
        )
    if policy.match is not None:
        inner = Filtered(inner, policy.match.matches, **shared)
    return inner


def _with_account(sink: Layer, stats: DeliveryStats) -> Sink:
    """Share `stats` among the layers around a sink, with a counter of its deliveries."""
    layers = [layer for layer in layers_of(sink) if isinstance(layer, Layer)]
    for layer in layers:
        layer.stats = stats
    if any(isinstance(layer, DeliveredCounter) for layer in layers):
        return sink
    arriving = DeliveredCounter(layers[-1].inner, stats=stats)
    layers[-1].inner = arriving
    return sink


def _code_of(sink: Sink) -> object:
    """Return the code object of a callback, else the id of its callable; None for other sinks."""
    # A lambda or a local function is a new object at each entry of its block, with the same code.
    function = getattr(sink, "function", None)
    return getattr(function, "__code__", None) or (None if function is None else id(function))


def _name_of(sink: Sink) -> str:
    innermost = layers_of(sink)[-1]
    function = getattr(innermost, "function", None)
    if function is None:
        return type(innermost).__name__
    name: str = getattr(function, "__qualname__", type(function).__name__)
    return name.rpartition("<locals>.")[2]
