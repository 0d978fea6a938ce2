"""Leave a sink alone for a while that fails again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import Layer, SinkOrCallable
from perfkit.sinks.delivery.signals import is_signal_exception


class CircuitBroken(Layer):
    """Fails at once while the sink is taken for dead, so that nobody waits for it.

    After so many failures in a row the circuit is open: nothing goes through until a cooldown is
    over. Then one attempt is made (the circuit is half open), and nothing else goes through until
    that has ended: if it succeeds the circuit is closed, else it is open for another cooldown.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        failures: How many failures in a row open it, at least 1.
        cooldown: Seconds until the next attempt, above 0.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is no number or out of range, or `inner` is no sink.
    """

    def __init__(
        self, inner: SinkOrCallable, failures: int = 5, cooldown: float = 30.0, **shared: Any
    ) -> None:
        check_figures(counts={"failures": failures}, seconds={"cooldown": cooldown})
        if failures < 1 or not cooldown > 0:
            raise ConfigurationError(
                f"a circuit that opens after {failures} failures for {cooldown:g} s; write at least"
                " 1 failure and a time above zero"
            )
        self._most_failures = failures
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
        """Whether the sink is taken for dead."""
        return self._failures >= self._most_failures

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand violations on.

        Raises:
            DeliveryError: With reason ``"circuit open"``, if the sink is to be left alone.
        """
        is_attempt = self._let_through()
        try:
            super().emit_many(violations)
        except BaseException as error:
            if not is_signal_exception(error):  # which says nothing of the sink
                self._note_failure()
            raise
        else:
            with busy, self._lock:
                self._failures = 0
        finally:
            if is_attempt:
                self._is_half_open = False

    def _let_through(self) -> bool:
        """Return whether this is the one attempt of a circuit that is half open.

        Raises:
            DeliveryError: If the sink is to be left alone.
        """
        with busy, self._lock:
            if not self.is_open:
                return False
            left = self._failed_at + self._cooldown - self.now()
            if left > 0 or self._is_half_open:
                when = f"in {left:.0f} s" if left > 0 else "is being made"
                raise DeliveryError(
                    f"left alone after {self._failures} failures in a row; next attempt {when}",
                    is_permanent=True,
                    reason="circuit open",
                )
            self._is_half_open = True
            return True

    def _note_failure(self) -> None:
        with busy, self._lock:
            self._failures += 1
            self._failed_at = self.now()
