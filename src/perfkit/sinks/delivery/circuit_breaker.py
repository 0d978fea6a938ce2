"""Stop deliveries to a sink that fails repeatedly, and try it again after a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.arguments import check_figures
from perfkit.sinks.delivery.layer import Layer, SinkOrCallable
from perfkit.sinks.delivery.signals import is_signal_exception


class CircuitBroken(Layer):
    """Fails at once while the circuit is open, so that nothing waits for a dead sink.

    After `max_failures` in a row the circuit is open: no delivery is attempted until the cooldown
    is over. Then one attempt is made (the circuit is half open), and all others fail until it ends.
    If it succeeds the circuit is closed, else it is open for another cooldown.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        max_failures: Failures in a row that open it, at least 1.
        cooldown: Seconds until the next attempt, above 0.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is not a number or out of range, or `inner` is not a sink.
    """

    def __init__(
        self, inner: SinkOrCallable, max_failures: int = 5, cooldown: float = 30.0, **shared: Any
    ) -> None:
        check_figures(counts={"max_failures": max_failures}, seconds={"cooldown": cooldown})
        if max_failures < 1 or not cooldown > 0:
            raise ConfigurationError(
                f"a circuit that opens after {max_failures} failures for {cooldown:g} s; write at "
                "least 1 failure and a time above zero"
            )
        self._max_failures = max_failures
        self._cooldown = cooldown
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Begin with a closed circuit."""
        self._lock = Lock()
        self._failures = 0
        self._failed_at = 0.0
        self._is_half_open = False

    @property
    def is_open(self) -> bool:
        """Whether deliveries fail at once."""
        return self._failures >= self._max_failures

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver violations.

        Raises:
            DeliveryError: With reason ``"circuit open"``, if the circuit is open.
        """
        is_attempt = self._begin_attempt()
        try:
            super().emit_many(violations)
        except BaseException as error:
            # An exception of a signal handler is not a failure of the sink.
            if not is_signal_exception(error):
                with busy, self._lock:
                    self._failures += 1
                    self._failed_at = self.now()
            raise
        else:
            with busy, self._lock:
                self._failures = 0
        finally:
            if is_attempt:
                self._is_half_open = False

    def _begin_attempt(self) -> bool:
        """Return whether this is the one attempt of a half-open circuit; raise if it is open."""
        with busy, self._lock:
            if not self.is_open:
                return False
            left = self._failed_at + self._cooldown - self.now()
            if left > 0 or self._is_half_open:
                when = f"in {left:.0f} s" if left > 0 else "is being made"
                raise DeliveryError(
                    f"circuit open after {self._failures} failures in a row; next attempt {when}",
                    is_permanent=True,
                    reason="circuit open",
                )
            self._is_half_open = True
            return True
