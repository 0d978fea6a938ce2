"""Let several sinks hear of each violation, under one name."""

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
    """Gives each violation to several sinks. One that fails does not keep it from the others.

    It has arrived when all sinks have it. Takes one at a time, so that it is known which ones have
    arrived: `Batched` belongs around the sinks in it. Safe from any thread if the sinks are.

    Args:
        sinks: Sinks, or callables of one violation, in the order in which they hear of it.

    Raises:
        ConfigurationError: If one is neither.
    """

    def __init__(self, sinks: Sequence[SinkOrCallable]) -> None:
        self.sinks = tuple(as_sink(sink) for sink in sinks)

    @property
    def destination(self) -> str:
        """Where it goes, for people."""
        endings = (layers_of(sink)[-1] for sink in self.sinks)
        named = (getattr(sink, "destination", type(sink).__name__) for sink in endings)
        return " and ".join(named) or "nowhere"

    @property
    def reaches_caller(self) -> bool:
        """Whether a raise sink is among them."""
        return any(_reaches_caller(sink) for sink in self.sinks)

    def emit(self, violation: Violation) -> None:
        """Give one violation to all sinks.

        Raises:
            BudgetExceeded: If a raise sink wants that, after all have heard.
            DeliveryError: If some failed, after all were tried. Not to be tried again, as the
                others have it.
        """
        wanted: list[BaseException] = []
        failures: list[BaseException] = []
        for sink, error in _failures(lambda sink: forward(sink, (violation,)), self.sinks):
            is_wanted = isinstance(error, BudgetExceeded) and _reaches_caller(sink)
            (wanted if is_wanted else failures).append(error)
        failed = self._failed(failures) if failures else None
        if wanted:
            raise wanted[0] from failed
        if failed:
            raise failed from failures[0]

    def _failed(self, failures: Sequence[BaseException]) -> DeliveryError:
        texts = "; ".join(f"{type(error).__name__}: {error}" for error in failures)
        text = f"{len(failures)} of {len(self.sinks)} failed: {texts}"
        return DeliveryError(text, is_permanent=True)

    def tick(self) -> float | None:
        """Let each do what is due; return in how many seconds something is next."""
        waits: list[float | None] = []
        failures = list(_failures(lambda sink: waits.append(tick_of(sink)), self.sinks))
        if failures:
            raise failures[0][1]
        return min((wait for wait in waits if wait is not None), default=None)

    def flush(self, seconds: float) -> bool:
        """Bring away what waits in each, for at most so long in all."""
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
    """Call `function` with each sink; yield what failed and how."""
    for sink in sinks:
        try:
            function(sink)
        except BaseException as error:  # also SystemExit must not take others along
            if is_signal_exception(error):
                raise
            yield sink, error


def _reaches_caller(sink: Sink) -> bool:
    return getattr(sink, "reaches_caller", False) is True
