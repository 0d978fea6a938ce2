"""Say the same thing once in a while, not each time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Severity, Violation
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import MOST_KEYS, SinkOrCallable
from perfkit.sinks.delivery.suppression import SuppressingLayer


class Deduped(SuppressingLayer):
    """Hands on one violation of a kind and severity, then none of these until a cooldown is over.

    The first one after it says how many were held back. Another severity is news at once. A
    recovery passes, and ends the cooldowns of its kind.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        cooldown: Seconds, above 0.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If the cooldown is no number or out of range, or `inner` is no sink.
    """

    def __init__(self, inner: SinkOrCallable, cooldown: float, **shared: Any) -> None:
        check_figures(seconds={"cooldown": cooldown})
        if not cooldown > 0:
            raise ConfigurationError(f"cooldown of {cooldown:g} s; write one above zero")
        self._cooldown = cooldown
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Forget what was said."""
        super().after_fork_in_child()
        self._said_at: OrderedDict[Hashable, float] = OrderedDict()

    def _passes(self, violation: Violation) -> bool:
        if violation.is_recovery:
            for severity in Severity:
                self._said_at.pop((violation.kind, severity), None)
            return True
        key, now = (violation.kind, violation.severity), self.now()
        said_at = self._said_at.get(key)
        if said_at is not None and now - said_at < self._cooldown:
            self._hold(violation, "cooldown")
            return False
        self._said_at[key] = now
        self._said_at.move_to_end(key)
        if len(self._said_at) > MOST_KEYS:
            self._said_at.popitem(last=False)
        return True
