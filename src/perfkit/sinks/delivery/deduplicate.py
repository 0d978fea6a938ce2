"""Say when single calls begin to break a budget and when that is over, not each time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

from attrs import define, evolve

from perfkit.errors import ConfigurationError
from perfkit.model import State, Violation
from perfkit.reentrancy import busy
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import MOST_KEYS, SinkOrCallable, sooner, tick_of
from perfkit.sinks.delivery.partial_failures import PartialFailures, count, raise_or_count
from perfkit.sinks.delivery.suppression import SuppressingLayer


@define(eq=False)
class _Incident:
    """A time during which calls break one budget again and again.

    Attributes:
        since_ns: When it began.
        last: The latest violation of it.
        last_at: When that came, on the layer's clock.
        said: The latest one that was handed on.
        said_at: When, on the layer's clock.
        is_ending: Whether its recovery is on its way to the sink.
        follower: What has come meanwhile, to begin another episode right after that.
    """

    since_ns: int
    last: Violation
    last_at: float
    said: Violation
    said_at: float
    is_ending: bool = False
    follower: Violation | None = None


class Deduplicated(SuppressingLayer):
    """Hands on the violation that begins an episode, and a recovery when it is over.

    An episode of one kind of violation begins with the first one and is over when none has come for
    a quiet time. Its violations carry when it began, as `since_ns`, which tells the sink that a
    recovery will come; no later episode of the kind is said before that. A violation that is more
    severe than the last one said is said too. What a window or an objective says is an edge
    already, and passes. `tick` has to be called now and then, as `Background` does; otherwise a
    recovery is said when any violation comes.

    A recovery counts as raised here, and if it fails, that is counted and reported here.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        quiet: Seconds without a violation that end an episode, above 0.
        repeat: Seconds after which an episode that goes on is said again, with how many violations
            there were; None means never.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is no number or out of range, or `inner` is no sink.
    """

    def __init__(
        self,
        inner: SinkOrCallable,
        quiet: float = 300.0,
        repeat: float | None = None,
        **shared: Any,
    ) -> None:
        times = {"quiet": quiet} if repeat is None else {"quiet": quiet, "repeat": repeat}
        check_figures(seconds=times)
        if not quiet > 0 or not (repeat is None or repeat > 0):
            raise ConfigurationError("quiet and repeat are times; write them above zero")
        self._quiet = quiet
        self._repeat = repeat
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Forget every episode."""
        super().after_fork_in_child()
        self._incidents: OrderedDict[Hashable, _Incident] = OrderedDict()  # by the time of the last

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand on those that begin an episode, or are due to be said again."""
        partial_failures: PartialFailures = []
        for violation in violations:
            self._end_what_is_over()
            with busy, self._lock:
                news = self._news_of(violation)
            partial_failures += self._partial_failures_of([news] if news else [])
        raise_or_count(partial_failures, len(violations), self.stats)

    def tick(self) -> float | None:
        """Tell of episodes that are over."""
        self._end_what_is_over()
        with busy, self._lock:
            lasting = (each for each in self._incidents.values() if not each.is_ending)
            first = next(lasting, None)
            wait = None if first is None else first.last_at + self._quiet - self.now()
        return sooner(wait, tick_of(self.inner))

    def _news_of(self, violation: Violation) -> Violation | None:
        if violation.since_ns or violation.is_recovery:
            return violation
        incident = self._incidents.get(violation.kind)
        if incident is None:
            return self._begin(violation)
        if incident.is_ending and incident.follower is None:
            incident.follower = violation
            return None
        if incident.is_ending or not self._is_due(incident, violation):
            self._hold(violation, "ongoing")
            return None
        return evolve(self._held.release(violation), since_ns=incident.since_ns)

    def _begin(self, violation: Violation) -> Violation:
        if len(self._incidents) >= MOST_KEYS:
            return violation
        now = self.now()
        self._incidents[violation.kind] = _Incident(violation.at_ns, violation, now, violation, now)
        return evolve(self._held.release(violation), since_ns=violation.at_ns)

    def _is_due(self, incident: _Incident, violation: Violation) -> bool:
        """Let the episode go on, and tell whether that is to be said."""
        now = self.now()
        incident.last, incident.last_at = violation, now
        self._incidents.move_to_end(violation.kind)
        is_worse = violation.severity.rank > incident.said.severity.rank
        is_time = self._repeat is not None and now - incident.said_at >= self._repeat
        if is_worse or is_time:
            incident.said, incident.said_at = violation, now
        return is_worse or is_time

    def _end_what_is_over(self) -> None:
        while (ending := self._take_one_that_is_over()) is not None:
            self._end(*ending)

    def _take_one_that_is_over(self) -> tuple[_Incident, Violation] | None:
        """Return an episode that is over, which no other thread ends too, and its recovery."""
        with busy, self._lock:
            for incident in self._incidents.values():
                if self.now() - incident.last_at < self._quiet:
                    return None
                if not incident.is_ending:
                    incident.is_ending = True
                    return incident, self._held.release(self._recovery_of(incident))
        return None

    def _recovery_of(self, incident: _Incident) -> Violation:
        return evolve(
            incident.last,
            severity=incident.said.severity,
            is_recovery=True,
            state=State.MET,
            since_ns=incident.since_ns,
            at_ns=incident.last.at_ns + round(self._quiet * 1e9),
            evidence=(),
            suppressed=0,
            suppressed_since_ns=0,
        )

    def _end(self, incident: _Incident, recovery: Violation) -> None:
        """Hand on a recovery, and then what has come meanwhile. Nobody waits for either."""
        self.stats.take()
        try:
            partial_failures = self._partial_failures_of([recovery])
        except BaseException:  # an interrupt: all else has become a loss
            lost = 1 if self._forget(incident) is None else 2
            self.stats.drop("interrupted", lost)
            raise
        with busy, self._lock:
            follower = self._forget(incident)
            news = None if follower is None else self._begin(follower)
        partial_failures += self._partial_failures_of([news] if news else [])
        count(partial_failures, self.stats)

    def _forget(self, incident: _Incident) -> Violation | None:
        """Let another episode of the kind begin; return what is to begin it."""
        with busy, self._lock:
            self._incidents.pop(incident.last.kind, None)
            return incident.follower
