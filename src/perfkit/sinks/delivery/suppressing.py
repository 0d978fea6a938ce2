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


class SuppressionCounts:
    """Counts by kind, of the latest thousand kinds. Not safe from several threads by itself."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Hashable, tuple[int, int]] = OrderedDict()

    def add(self, violation: Violation) -> None:
        """Count `violation`, and the suppressed ones that it carries."""
        first_ns = _earlier(violation.suppressed_since_ns, violation.at_ns)
        self._add(violation.kind, 1 + violation.suppressed, first_ns)

    def add_suppressed_before(self, violation: Violation) -> None:
        """Count only the suppressed ones that `violation` carries, as it did not arrive."""
        if violation.suppressed:
            self._add(violation.kind, violation.suppressed, violation.suppressed_since_ns)

    def release(self, violation: Violation) -> Violation:
        """Return `violation` with the count of its kind, which begins at 0 again."""
        count, since_ns = self._counts.pop(violation.kind, (0, 0))
        if not count:
            return violation
        return evolve(
            violation,
            suppressed=violation.suppressed + count,
            suppressed_since_ns=_earlier(since_ns, violation.suppressed_since_ns),
        )

    def _add(self, kind: Hashable, count: int, first_ns: int) -> None:
        before, since_ns = self._counts.pop(kind, (0, 0))
        self._counts[kind] = (before + count, _earlier(since_ns, first_ns))
        if len(self._counts) > MOST_KEYS:
            self._counts.popitem(last=False)


class SuppressingLayer(Layer):
    """A layer that passes some violations on, each with the number of those suppressed before it.

    If one that passed does not arrive, the next of its kind carries its number too.
    """

    def after_fork_in_child(self) -> None:
        """Begin with all counts at 0."""
        self._lock = Lock()
        self._held = SuppressionCounts()

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Pass on the violations that are not suppressed."""
        with busy, self._lock:
            passed = [self._held.release(each) for each in violations if self._passes(each)]
        raise_or_count(self._partial_failures_of(passed), len(violations), self.stats)

    def _passes(self, violation: Violation) -> bool:
        """Return whether `violation` passes; if not, count it. Called under the lock."""
        raise NotImplementedError

    def _hold(self, violation: Violation, reason: str) -> None:
        """Count a suppressed violation. Called under the lock."""
        self._held.add(violation)
        self.stats.suppress(reason)

    def _partial_failures_of(self, violations: Sequence[Violation]) -> PartialFailures:
        """Pass violations on; return those that did not arrive."""
        partial_failures = partial_failures_of(self.inner, violations)
        with busy, self._lock:
            for _, part in partial_failures:
                for each in part:
                    self._held.add_suppressed_before(each)
        return partial_failures


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


def _earlier(one_ns: int, other_ns: int) -> int:
    """Return the earlier of two times, where 0 means none."""
    return min(one_ns or other_ns, other_ns or one_ns)
