"""Deliver each violation to several sinks under one name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from perfkit.errors import BudgetExceeded, DeliveryError
from perfkit.model import Sink, Violation
from perfkit.sinks.delivery.layer import (
    SinkOrCallable,
    as_sink,
    flush_of,
    forward,
    layers_of,
    tick_of,
)
from perfkit.sinks.delivery.signals import is_signal_exception


class FanOut:
    """Delivers each violation to several sinks, also if one of them fails.

    A violation has arrived when all sinks have it. It does not support batches, so that each
    arrival counts by itself. Safe from any thread if the sinks are.

    Args:
        sinks: Sinks, or callables of one violation, in the order of delivery.

    Raises:
        ConfigurationError: If one is neither.
    """

    def __init__(self, sinks: Sequence[SinkOrCallable]) -> None:
        self.sinks = tuple(as_sink(sink) for sink in sinks)

    @property
    def destination(self) -> str:
        """The destinations, for people."""
        endings = (layers_of(sink)[-1] for sink in self.sinks)
        named = (getattr(sink, "destination", type(sink).__name__) for sink in endings)
        return " and ".join(named) or "nowhere"

    @property
    def reaches_caller(self) -> bool:
        """Whether a raise sink is among them."""
        return any(_reaches_caller(sink) for sink in self.sinks)

    def emit(self, violation: Violation) -> None:
        """Deliver one violation to all sinks.

        Raises:
            BudgetExceeded: If a raise sink raises it, after all deliveries.
            DeliveryError: If some failed, after all deliveries. It is permanent, as a retry would
                deliver twice to the others.
        """
        raised: list[BaseException] = []
        failures: list[BaseException] = []
        for sink, error in _failures(lambda sink: forward(sink, (violation,)), self.sinks):
            is_raise_sink = isinstance(error, BudgetExceeded) and _reaches_caller(sink)
            (raised if is_raise_sink else failures).append(error)
        texts = "; ".join(f"{type(error).__name__}: {error}" for error in failures)
        text = f"{len(failures)} of {len(self.sinks)} failed: {texts}"
        failed = DeliveryError(text, is_permanent=True) if failures else None
        if raised:
            raise raised[0] from failed
        if failed:
            raise failed from failures[0]

    def tick(self) -> float | None:
        """Tick each sink; return in how many seconds to call again, None for no need."""
        waits: list[float | None] = []
        failures = list(_failures(lambda sink: waits.append(tick_of(sink)), self.sinks))
        if failures:
            raise failures[0][1]
        return min((wait for wait in waits if wait is not None), default=None)

    def flush(self, seconds: float) -> bool:
        """Flush each sink, for at most `seconds` in all; return whether nothing waits."""
        deadline = time.monotonic() + seconds
        results: list[bool] = []

        def flush(sink: Sink) -> None:
            results.append(flush_of(sink, max(0.0, deadline - time.monotonic())))

        failures = list(_failures(flush, self.sinks))
        if failures:
            raise failures[0][1]
        return all(results)


def _failures(
    function: Callable[[Sink], object], sinks: Sequence[Sink]
) -> Iterator[tuple[Sink, BaseException]]:
    """Call `function` with each sink; yield the sinks that failed and their errors."""
    for sink in sinks:
        try:
            function(sink)
        except BaseException as error:  # also SystemExit must not affect the others
            if is_signal_exception(error):
                raise
            yield sink, error


def _reaches_caller(sink: Sink) -> bool:
    return getattr(sink, "reaches_caller", False) is True
