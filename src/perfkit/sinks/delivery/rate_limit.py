"""Limit the rate of violations."""

from __future__ import annotations

from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import SinkOrCallable
from perfkit.sinks.delivery.suppression import SuppressingLayer


class RateLimited(SuppressingLayer):
    """A token bucket: each violation needs a token, and tokens return at a steady rate.

    A violation without a token is suppressed; the next one of its kind that passes carries the
    number. Recoveries need no token: an incident that was reported must not stay open for ever.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        per_second: Tokens that return each second, above 0.
        burst: The largest number of tokens, and that at the start; at least 1.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is not a number or out of range, or `inner` is not a sink.
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
        self._spent_at = self.now()

    def _passes(self, violation: Violation) -> bool:
        if violation.is_recovery:
            return True
        # Always computed from the last token spent: updating the bucket at each look would add a
        # rounding error each time.
        now = max(self._spent_at, self.now())
        gained = (now - self._spent_at) * self._per_second
        tokens = min(float(self._burst), self._tokens + gained)
        if tokens < 1:
            self._hold(violation, "rate limit")
            return False
        self._tokens, self._spent_at = tokens - 1, now
        return True
