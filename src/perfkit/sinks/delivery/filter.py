"""Let only some violations through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.sinks.delivery.layer import Layer, SinkOrCallable
from perfkit.sinks.delivery.partial_failures import partial_failures_of, raise_or_count


class Filtered(Layer):
    """Hands on the violations that `keep` wants; the others are counted as suppressed.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        keep: Takes a violation and tells whether it is wanted, such as `Route.matches`.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If `keep` cannot be called, or `inner` is no sink.
    """

    def __init__(
        self, inner: SinkOrCallable, keep: Callable[[Violation], bool], **shared: Any
    ) -> None:
        if not callable(keep):
            raise ConfigurationError(
                "keep is no callable of one violation; write a function, or the matches of a route"
            )
        super().__init__(inner, **shared)
        self._keep = keep

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand on those that are wanted."""
        kept = [violation for violation in violations if self._keep(violation)]
        if len(kept) < len(violations):
            self.stats.suppress("filter", len(violations) - len(kept))
        raise_or_count(partial_failures_of(self.inner, kept), len(violations), self.stats)
