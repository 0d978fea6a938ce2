"""Let violations through at a certain rate."""

from __future__ import annotations

from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import SinkOrCallable
from perfkit.sinks.delivery.suppression import SuppressingLayer


class RateLimited(SuppressingLayer):
    """A token bucket: each violation takes a token, and tokens come back at a steady rate.

    What finds no token is suppressed; the next violation of the same kind says how many there were.
    Recoveries always pass, and take none: nothing is to stay broken for ever in somebody's eyes.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        per_second: Tokens that come back each second, above 0.
        burst: Tokens that there are at the most, and at first; at least 1.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is no number or out of range, or `inner` is no sink.
    """

    def __init__(
        self, inner: SinkOrCallable, per_second: float, burst: int = 1, **shared: Any
    ) -> None:
        check_figures(rates={"per_second": per_second}, counts={"burst": burst})
        if not per_second > 0 or burst < 1:
            raise ConfigurationError(
                f"rate limit of {per_second:g} a second with bursts of {burst}; write a rate above "
                "zero and a burst of at least 1"
            )
        self._per_second = per_second
        self._burst = burst
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Begin with a full bucket."""
        super().after_fork_in_child()
        self._tokens = float(self._burst)
        self._taken_at = self.now()

    def _passes(self, violation: Violation) -> bool:
        if violation.is_recovery:
            return True
        # Always reckoned from the last token taken, so that looking often adds no rounding errors.
        now = max(self._taken_at, self.now())
        gained = (now - self._taken_at) * self._per_second
        tokens = min(float(self._burst), self._tokens + gained)
        if tokens < 1:
            self._hold(violation, "rate limit")
            return False
        self._tokens, self._taken_at = tokens - 1, now
        return True
