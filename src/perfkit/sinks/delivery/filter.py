"""Pass on only the violations that match a condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.sinks.delivery.layer import (
    Layer,
    SinkOrCallable,
    partial_failures_of,
    raise_or_count,
)


class Filtered(Layer):
    """Passes on the violations for which `match` is true; the others are counted as suppressed.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        match: Receives a violation and returns whether it passes, such as `Route.matches`.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If `match` is not callable, or `inner` is not a sink.
    """

    def __init__(
        self, inner: SinkOrCallable, match: Callable[[Violation], bool], **shared: Any
    ) -> None:
        if not callable(match):
            raise ConfigurationError(
                "match is not a callable of one violation; write a function, or the matches of a "
                "route"
            )
        super().__init__(inner, **shared)
        self._match = match

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Pass on the violations that match."""
        passed = [violation for violation in violations if self._match(violation)]
        if len(passed) < len(violations):
            self.stats.suppress("filter", len(violations) - len(passed))
        raise_or_count(partial_failures_of(self.inner, passed), len(violations), self.stats)
