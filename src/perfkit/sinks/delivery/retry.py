"""Try again what failed, after a while that grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from perfkit.errors import ConfigurationError, DeliveryError, MissingExtraError
from perfkit.model import Violation
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import Layer, SinkOrCallable, forward, parts_of
from perfkit.sinks.delivery.partial_failures import PartialFailures, raise_or_count
from perfkit.sinks.delivery.signals import is_signal_exception

if TYPE_CHECKING:
    from tenacity import RetryCallState

LONGEST_WAIT: Final = 60.0
"""Seconds: also where a receiver asks for more."""


class Retried(Layer):
    """Tries again what may succeed later, with exponential backoff and full jitter.

    Waits are a random part of ``first_wait * 2 ** attempt`` seconds, or what the receiver asked
    for, up to a minute. What cannot succeed is not tried again; many violations that are too large
    together are halved, and what is lost of them is counted and reported here, unless all is. It
    blocks meanwhile: put it inside `Background`.

    Needs the extra ``webhook`` (tenacity). The jitter is "full jitter" of Marc Brooker, Exponential
    Backoff and Jitter, 2015.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        attempts: How often to try in all, at least 1.
        first_wait: Seconds, above 0.
        sleep: Waits so many seconds.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is no number or out of range, or `inner` is no sink.
        MissingExtraError: If tenacity is not installed.
    """

    def __init__(
        self,
        inner: SinkOrCallable,
        attempts: int = 3,
        first_wait: float = 0.5,
        *,
        sleep: Callable[[float], None] = time.sleep,
        **shared: Any,
    ) -> None:
        check_figures(counts={"attempts": attempts}, seconds={"first_wait": first_wait})
        if attempts < 1 or not first_wait > 0:
            raise ConfigurationError(
                f"{attempts} attempts, the first wait {first_wait:g} s; write at least 1 attempt "
                "and a time above zero"
            )
        try:
            import tenacity  # noqa: PLC0415 - optional, and for those who ask for it
        except ImportError:
            raise MissingExtraError("trying a delivery again", "webhook") from None
        self._backoff = tenacity.wait_random_exponential(multiplier=first_wait, max=LONGEST_WAIT)
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=self._wait_after,
            retry=tenacity.retry_if_exception(_may_succeed_later),
            sleep=sleep,
            reraise=True,
        )
        super().__init__(inner, **shared)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand violations on, until that succeeds or there is no hope."""
        partial_failures: PartialFailures = []
        for part in parts_of(violations, self.inner):  # what has arrived must not be sent again
            partial_failures += self._partial_failures_of(part)
        raise_or_count(partial_failures, len(violations), self.stats)

    def _partial_failures_of(self, violations: Sequence[Violation]) -> PartialFailures:
        try:
            self._retrying(forward, self.inner, violations)
        except BaseException as error:  # a sink may raise anything
            if is_signal_exception(error):
                raise
            if not _is_too_large(error) or len(violations) == 1:
                return [(error, violations)]
            half = len(violations) // 2
            return [
                *self._partial_failures_of(violations[:half]),
                *self._partial_failures_of(violations[half:]),
            ]
        return []

    def _wait_after(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, DeliveryError) else None
        return min(asked, LONGEST_WAIT) if asked and asked > 0 else self._backoff(state)


def _may_succeed_later(error: BaseException) -> bool:
    if isinstance(error, DeliveryError):
        return not (error.is_permanent or error.is_too_large)
    return isinstance(error, OSError)


def _is_too_large(error: BaseException) -> bool:
    return isinstance(error, DeliveryError) and error.is_too_large
