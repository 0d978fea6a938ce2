"""Retry failed deliveries with exponential backoff."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from perfkit.errors import ConfigurationError, DeliveryError, MissingExtraError
from perfkit.model import Violation
from perfkit.sinks.arguments import check_figures
from perfkit.sinks.delivery.layer import (
    Layer,
    PartialFailures,
    SinkOrCallable,
    forward,
    parts_of,
)
from perfkit.sinks.delivery.signals import is_signal_exception

if TYPE_CHECKING:
    from tenacity import RetryCallState

LONGEST_WAIT: Final = 60.0
"""Seconds, also if a receiver requests more."""


def load_tenacity() -> ModuleType:
    """Return tenacity; raise `MissingExtraError` if it is not installed."""
    try:
        import tenacity  # noqa: PLC0415 - optional, loads for this layer only
    except ImportError:
        raise MissingExtraError("retrying a delivery", "webhook") from None
    return tenacity


class Retried(Layer):
    """Retries failures that are not permanent, with exponential backoff and full jitter.

    Waits are a random part of ``first_wait * 2 ** attempt`` seconds, or the ``retry_after`` of the
    failure, up to a minute. A batch that is too large is halved; the lost part of it is counted and
    reported here, unless all of it is lost. It blocks while it waits: put it inside a
    `DeliveryQueue`.

    Needs the extra ``webhook`` (tenacity). The jitter is "full jitter" of Marc Brooker, Exponential
    Backoff and Jitter, 2015.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        max_attempts: Attempts in all, at least 1.
        first_wait: Seconds before the second attempt at most, above 0.
        sleep: Waits for a number of seconds.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is not a number or out of range, or `inner` is not a sink.
        MissingExtraError: If tenacity is not installed.
    """

    def __init__(
        self,
        inner: SinkOrCallable,
        max_attempts: int = 3,
        first_wait: float = 0.5,
        *,
        sleep: Callable[[float], None] = time.sleep,
        **shared: Any,
    ) -> None:
        check_figures(counts={"max_attempts": max_attempts}, seconds={"first_wait": first_wait})
        if max_attempts < 1 or not first_wait > 0:
            raise ConfigurationError(
                f"{max_attempts} attempts, the first wait {first_wait:g} s; write at least 1 "
                "attempt and a time above zero"
            )
        tenacity = load_tenacity()
        self._backoff = tenacity.wait_random_exponential(multiplier=first_wait, max=LONGEST_WAIT)
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(max_attempts),
            wait=self._wait_after,
            retry=tenacity.retry_if_exception(_may_succeed_later),
            sleep=sleep,
            reraise=True,
        )
        super().__init__(inner, **shared)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Deliver violations, until that succeeds or no retry is left."""
        self._pass_on(violations, len(violations))

    def _lost_of(self, violations: Sequence[Violation]) -> PartialFailures:
        # A sink without batches may have received some of them when it fails; these must not arrive
        # twice, so each part is retried by itself.
        parts = parts_of(violations, self.inner)
        return [lost for part in parts for lost in self._lost_of_part(part)]

    def _lost_of_part(self, violations: Sequence[Violation]) -> PartialFailures:
        try:
            self._retrying(forward, self.inner, violations)
        except BaseException as error:  # a sink may raise anything
            if is_signal_exception(error):
                raise
            is_too_large = isinstance(error, DeliveryError) and error.is_too_large
            if not is_too_large or len(violations) == 1:
                return [(error, violations)]
            half = len(violations) // 2
            halves = violations[:half], violations[half:]
            return [lost for each in halves for lost in self._lost_of_part(each)]
        return []

    def _wait_after(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wait = error.retry_after if isinstance(error, DeliveryError) else None
        return min(wait, LONGEST_WAIT) if wait and wait > 0 else self._backoff(state)


def _may_succeed_later(error: BaseException) -> bool:
    if isinstance(error, DeliveryError):
        return not (error.is_permanent or error.is_too_large)
    return isinstance(error, OSError)
