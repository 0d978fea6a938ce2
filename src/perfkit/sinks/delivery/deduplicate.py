"""Deliver one violation of an incident instead of each, and a recovery when it is resolved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

from attrs import define, evolve

from perfkit.errors import ConfigurationError
from perfkit.model import State, Violation
from perfkit.reentrancy import busy
from perfkit.sinks.arguments import check_figures
from perfkit.sinks.delivery.layer import MOST_KEYS, SinkOrCallable, tick_of
from perfkit.sinks.delivery.suppressing import SuppressingLayer


@define(eq=False)
class _Incident:
    """A period in which calls break one budget again and again.

    Attributes:
        since_ns: Its beginning.
        last: Its latest violation.
        last_at: The time of that, on the layer's clock.
        sent: The latest violation that was passed on.
        sent_at: The time of that, on the layer's clock.
        is_ending: Whether its recovery is being delivered.
        follower: A violation that arrived meanwhile, which begins the next incident after that.
    """

    since_ns: int
    last: Violation
    last_at: float
    sent: Violation
    sent_at: float
    is_ending: bool = False
    follower: Violation | None = None


class Deduplicated(SuppressingLayer):
    """Passes on the first violation of a kind, and suppresses those like it for a while.

    Violations are of one kind if budget, metric and statistic are the same. Within an incident of
    one kind a violation passes if it is more severe than the last one that passed, or if
    `repeat_interval` is over; the others are counted as ``"duplicate"``, and the next one that
    passes carries their number. Violations and recoveries of windows and objectives report a change
    by themselves, and always pass; a recovery ends the incident of its kind.

    With `resolve_after` an incident is resolved when no violation arrived for so long. Its
    violations then carry its beginning as `since_ns`, and a recovery follows, before which no later
    incident of the kind is reported. The recovery counts as raised; if it fails, that is counted
    and reported here. `tick` has to be called now and then, as `DeliveryQueue` does; otherwise a
    recovery is delivered when any violation arrives.

    Args:
        inner: The sink that it wraps, or any callable of one violation.
        repeat_interval: Seconds after which a violation of a lasting incident passes again; None or
            0 for never, which needs `resolve_after`.
        resolve_after: Seconds without a violation that resolve an incident; None or 0 if incidents
            are not resolved by time.
        send_resolved: Whether a recovery is delivered when `resolve_after` resolves an incident.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is not a number or out of range, if neither is above zero,
            or if `inner` is not a sink.
    """

    def __init__(
        self,
        inner: SinkOrCallable,
        repeat_interval: float | None = None,
        resolve_after: float | None = None,
        *,
        send_resolved: bool = True,
        **shared: Any,
    ) -> None:
        times = {"repeat_interval": repeat_interval, "resolve_after": resolve_after}
        given = {name: value for name, value in times.items() if value is not None}
        check_figures(seconds=given)
        if not all(value >= 0 for value in given.values()) or not any(given.values()):
            raise ConfigurationError(
                "repeat_interval and resolve_after are times; write one of them above zero"
            )
        self._repeat_interval = repeat_interval or None
        self._resolve_after = resolve_after or None
        self._sends_resolved = self._resolve_after is not None and send_resolved
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Begin without incidents."""
        super().after_fork_in_child()
        self._incidents: OrderedDict[Hashable, _Incident] = OrderedDict()  # by `last_at`

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Pass on violations that begin an incident, are more severe, or are due again."""
        self._resolve_all()
        super().emit_many(violations)

    def tick(self) -> float | None:
        """Deliver the recoveries that are due."""
        self._resolve_all()
        with busy, self._lock:
            first = self._first_resolved()
        waits = (first[1] if first else None, tick_of(self.inner))
        return min((each for each in waits if each is not None), default=None)

    def _passed(self, violation: Violation) -> Violation | None:
        incident = self._incidents.get(violation.kind)
        if violation.since_ns or violation.is_recovery:
            if violation.is_recovery and incident is not None and not incident.is_ending:
                del self._incidents[violation.kind]
                return self._release(violation)
            return violation
        if incident is None:
            return self._begin(violation)
        if incident.is_ending and incident.follower is None:
            incident.follower = violation
            return None
        if incident.is_ending or not self._is_due(incident, violation):
            self._hold(violation, "duplicate")
            return None
        return self._of(incident, violation)

    def _begin(self, violation: Violation) -> Violation:
        if len(self._incidents) >= MOST_KEYS:
            if self._sends_resolved:  # dropping another incident would drop its recovery
                return violation
            self._incidents.popitem(last=False)
        now = self.now()
        incident = _Incident(violation.at_ns, violation, now, violation, now)
        self._incidents[violation.kind] = incident
        return self._of(incident, violation)

    def _of(self, incident: _Incident, violation: Violation) -> Violation:
        released = self._release(violation)
        return evolve(released, since_ns=incident.since_ns) if self._sends_resolved else released

    def _is_due(self, incident: _Incident, violation: Violation) -> bool:
        """Add a violation to an incident; return whether it passes."""
        now = self.now()
        incident.last, incident.last_at = violation, now
        self._incidents.move_to_end(violation.kind)
        interval = self._repeat_interval
        is_worse = violation.severity.rank > incident.sent.severity.rank
        is_time = interval is not None and now - incident.sent_at >= interval
        if is_worse or is_time:
            incident.sent, incident.sent_at = violation, now
        return is_worse or is_time

    def _resolve_all(self) -> None:
        """Deliver the recoveries that are due, each before the violation that followed it."""
        while (resolved := self._next_resolved()) is not None:
            incident, recovery = resolved
            self.stats.take()
            try:
                lost = self._lost_of([recovery])
            except BaseException:  # an interrupt; any other error is among the failures
                self.stats.drop("interrupted", 1 + len(self._end(incident)))
                raise
            with busy, self._lock:
                passed = [self._begin(each) for each in self._end(incident)]
            self._count_lost(lost + self._lost_of(passed))  # no caller does

    def _first_resolved(self) -> tuple[_Incident, float] | None:
        """Return the incident to resolve first, and in how many seconds. Called under the lock."""
        lasting = (each for each in self._incidents.values() if not each.is_ending)
        if self._resolve_after is None or (first := next(lasting, None)) is None:
            return None
        return first, first.last_at + self._resolve_after - self.now()

    def _next_resolved(self) -> tuple[_Incident, Violation] | None:
        """Return an incident that is over, which no other thread resolves too, and its recovery."""
        with busy, self._lock:
            while (first := self._first_resolved()) is not None and first[1] <= 0:
                incident, _ = first
                if self._sends_resolved:
                    incident.is_ending = True
                    return incident, self._release(self._recovery_of(incident))
                del self._incidents[incident.last.kind]
        return None

    def _recovery_of(self, incident: _Incident) -> Violation:
        return evolve(
            incident.last,
            severity=incident.sent.severity,
            is_recovery=True,
            state=State.MET,
            since_ns=incident.since_ns,
            at_ns=incident.last.at_ns + round((self._resolve_after or 0.0) * 1e9),
            evidence=(),
            suppressed=0,
            suppressed_since_ns=0,
        )

    def _end(self, incident: _Incident) -> Sequence[Violation]:
        """Make room for another incident of the kind; return the violation that begins it."""
        with busy, self._lock:
            self._incidents.pop(incident.last.kind, None)
            return [incident.follower] if incident.follower else []
