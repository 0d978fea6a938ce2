"""Layers that suppress violations: a filter, a limit of the rate, and their common base."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from attrs import evolve

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.arguments import check_figures
from perfkit.sinks.delivery.layer import (
    MOST_KEYS,
    Layer,
    PartialFailures,
    SinkOrCallable,
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
        self._pass_on(passed, len(violations))


class SuppressingLayer(Layer):
    """A layer that passes some violations on, each with the number of those suppressed before it.

    If one that passed does not arrive, the next of its kind carries its number too. The layer
    remembers the numbers of the latest thousand kinds.
    """

    def after_fork_in_child(self) -> None:
        """Begin with all counts at 0."""
        self._lock = Lock()
        self._held: OrderedDict[Hashable, tuple[int, int]] = OrderedDict()

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Pass on the violations that are not suppressed."""
        with busy, self._lock:
            found = [self._passed(each) for each in violations]
        passed = [each for each in found if each is not None]
        self._pass_on(passed, len(violations))

    def _passed(self, violation: Violation) -> Violation | None:
        """Return the violation to pass on; None if it is suppressed. Called under the lock."""
        raise NotImplementedError

    def _hold(self, violation: Violation, reason: str) -> None:
        """Count a suppressed violation, and those that it carries. Called under the lock."""
        first_ns = _earlier(violation.suppressed_since_ns, violation.at_ns)
        self._add(violation.kind, 1 + violation.suppressed, first_ns)
        self.stats.suppress(reason)

    def _release(self, violation: Violation) -> Violation:
        """Return `violation` with the count of its kind, which begins at 0 again."""
        count, since_ns = self._held.pop(violation.kind, (0, 0))
        if not count:
            return violation
        return evolve(
            violation,
            suppressed=violation.suppressed + count,
            suppressed_since_ns=_earlier(since_ns, violation.suppressed_since_ns),
        )

    def _add(self, kind: Hashable, count: int, first_ns: int) -> None:
        before, since_ns = self._held.pop(kind, (0, 0))
        self._held[kind] = (before + count, _earlier(since_ns, first_ns))
        if len(self._held) > MOST_KEYS:
            self._held.popitem(last=False)

    def _lost_of(self, violations: Sequence[Violation]) -> PartialFailures:
        lost = super()._lost_of(violations)
        with busy, self._lock:
            for each in (each for _, part in lost for each in part if each.suppressed):
                self._add(each.kind, each.suppressed, each.suppressed_since_ns)
        return lost


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

    def _passed(self, violation: Violation) -> Violation | None:
        if violation.is_recovery:
            return self._release(violation)
        # Always computed from the last token spent: updating the bucket at each look would add a
        # rounding error each time.
        now = max(self._spent_at, self.now())
        gained = (now - self._spent_at) * self._per_second
        tokens = min(float(self._burst), self._tokens + gained)
        if tokens < 1:
            self._hold(violation, "rate limit")
            return None
        self._tokens, self._spent_at = tokens - 1, now
        return self._release(violation)


def _earlier(one_ns: int, other_ns: int) -> int:
    """Return the earlier of two times, where 0 means none."""
    return min(one_ns or other_ns, other_ns or one_ns)
