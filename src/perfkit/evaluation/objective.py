"""The burn rate of an objective's error budget, and its alerts.

The alerts are those of "The Site Reliability Workbook" (Beyer, Murphy, Rensin, Kawahara, Thorne,
2018), chapter "Alerting on SLOs", multiwindow and multi-burn-rate: for a period of 30 days a page
when 2 % of the error budget is gone in an hour or 5 % in six, a ticket when 10 % is gone in three
days. Each alert fires only while a window twelve times shorter burns too fast as well, so that it
ends soon after the cause has.
"""

from __future__ import annotations

from typing import Final

from attrs import define, frozen

from perfkit.evaluation.sliding_window import SlidingWindow
from perfkit.model import (
    Budget,
    Direction,
    Limit,
    Metric,
    Objective,
    Severity,
    State,
    Statistic,
    Verdict,
)
from perfkit.units import Unit, format_quantity

_DAY: Final = 86_400.0
_MONTH: Final = 30 * _DAY
_SHORTER: Final = 12
_DIGITS: Final = 9


@frozen
class Alert:
    """A condition on the burn rate.

    Args:
        state: The state of the objective while the alert fires.
        burn_rate: Faster than this is too fast; 1 spends the whole error budget in one period.
        share: Length of the long window as a share of the period.
        urgency: The severity; None for that of the budget.
    """

    state: State
    burn_rate: float
    share: float
    urgency: Severity | None = None


def _alert(state: State, consumed: float, seconds: float, urgency: Severity | None = None) -> Alert:
    """Return the alert for so much of the error budget spent in so many seconds of 30 days."""
    return Alert(state, round(consumed * _MONTH / seconds, _DIGITS), seconds / _MONTH, urgency)


ALERTS: Final = (
    _alert(State.VIOLATED, 0.02, _DAY / 24),
    _alert(State.VIOLATED, 0.05, _DAY / 4),
    _alert(State.DEGRADED, 0.10, _DAY * 3, Severity.WARNING),
)
"""Two pages and a ticket, the most urgent first."""


@define(eq=False)
class _Calls:
    good: int = 0
    bad: int = 0

    def add(self, good: int, bad: int) -> None:
        self.good += good
        self.bad += bad

    def subtract(self, bucket: _Calls) -> None:
        self.good -= bucket.good
        self.bad -= bucket.bad


class _Window:
    def __init__(self, seconds: float, objective: Objective, began_ns: int) -> None:
        self.seconds = seconds
        self._total = _Calls()
        self._sub_windows: SlidingWindow[_Calls] = SlidingWindow(
            seconds, began_ns, _Calls, self._total.subtract
        )
        self._min_samples = objective.min_samples
        # 1 - 0.999 is 0.0010000000000000009, which would make a burn rate of exactly 1 slightly
        # less. Twelve decimals are more than any objective has.
        self._allowed = round(1 - objective.ratio, 12) or 1 - objective.ratio

    @property
    def samples(self) -> int:
        return self._total.good + self._total.bad

    def add(self, good: int, bad: int, now_ns: int) -> None:
        self._sub_windows.current(now_ns).add(good, bad)
        self._total.add(good, bad)

    def advance(self, now_ns: int) -> None:
        self._sub_windows.advance(now_ns)

    def burn_rate(self) -> float | None:
        """Return the burn rate without the last digits' rounding errors; None if unknown."""
        if self.samples < self._min_samples:
            return None
        return round(self._total.bad / (self.samples * self._allowed), _DIGITS)

    def burns(self, rate: float) -> bool:
        """Return whether there are enough samples and the burn rate is above `rate`."""
        burn_rate = self.burn_rate()
        return burn_rate is not None and burn_rate > rate


class ObjectiveWindow:
    """One objective over the windows of its alerts. Not safe from several threads.

    The burn rate is the share of bad calls divided by the share that may be bad. Each window covers
    from 59/60 of its length to its full length. All times are monotonic nanoseconds; a time earlier
    than the latest counts as the latest. The windows are in proportion to the objective's period.
    """

    def __init__(self, objective: Objective, began_ns: int) -> None:
        self.objective = objective
        self._limits = tuple(burn_rate_limit(objective, alert) for alert in ALERTS)
        lengths = [limit.window or 0.0 for limit in self._limits]
        wanted = {length / by for length in lengths for by in (1, _SHORTER)}
        windows = {seconds: _Window(seconds, objective, began_ns) for seconds in sorted(wanted)}
        self._windows = tuple(windows.values())
        self._pairs = tuple((windows[each], windows[each / _SHORTER]) for each in lengths)

    @property
    def limit(self) -> Limit:
        """The limit of the most urgent alert."""
        return self._limits[0]

    def add(self, good: int, bad: int, now_ns: int) -> None:
        """Add calls that were good and calls that were bad."""
        for window in self._windows:
            window.add(good, bad, now_ns)

    def state(self, now_ns: int) -> State:
        """Return `violated` for a page, `degraded` for a ticket, else `met` or `no_data`."""
        fired = self._fired(now_ns)
        if fired is not None:
            return ALERTS[fired].state
        return State.NO_DATA if self._first_known() is None else State.MET

    def burn_rate_over(self, limit: Limit) -> float:
        """Return the burn rate over the long window of the alert with `limit`; 0 for none."""
        window = next((long for long, _ in self._pairs if long.seconds == limit.window), None)
        return 0.0 if window is None else window.burn_rate() or 0.0

    def judge(self, budget: Budget, now_ns: int) -> Verdict:
        """Return the verdict at `now_ns` on the alert that fires, else on the most urgent one.

        Its value is the burn rate over the alert's long window.
        """
        fired = self._fired(now_ns)
        index = self._first_known() if fired is None else fired
        long, _ = self._pairs[-1 if index is None else index]
        state, reason, urgency = State.NO_DATA, self._how_few(long), None
        if fired is not None:
            state, reason, urgency = ALERTS[fired].state, "", ALERTS[fired].urgency
        elif index is not None:
            state, reason = State.MET, self._why_met(index)
        return Verdict(
            budget=budget,
            limit=self._limits[index or 0],
            value=long.burn_rate(),
            state=state,
            reason=reason,
            samples=long.samples,
            urgency=urgency,
        )

    def _fired(self, now_ns: int) -> int | None:
        """Return the index of the most urgent alert that fires, or None."""
        for window in self._windows:
            window.advance(now_ns)
        for place, ((long, short), alert) in enumerate(zip(self._pairs, ALERTS, strict=True)):
            if long.burns(alert.burn_rate) and short.burns(alert.burn_rate):
                return place
        return None

    def _first_known(self) -> int | None:
        """Return the index of the most urgent alert with enough samples, or None."""
        known = (at for at, (long, _) in enumerate(self._pairs) if long.burn_rate() is not None)
        return next(known, None)

    def _why_met(self, place: int) -> str:
        """Return why a burn rate above the alert's does not fire it, or an empty text."""
        long, short = self._pairs[place]
        if not long.burns(ALERTS[place].burn_rate):
            return ""
        seconds, rate = format_quantity(short.seconds, Unit.SECONDS), short.burn_rate()
        found = self._how_few(short) if rate is None else f"a burn rate of {rate:g}"
        return f"only {found} in the last {seconds}"

    def _how_few(self, window: _Window) -> str:
        return f"{window.samples} of {self.objective.min_samples} samples"


def burn_rate_limit(objective: Objective, alert: Alert) -> Limit:
    """Return the limit on the burn rate above which `alert` fires."""
    return Limit(
        metric=Metric.BURN_RATE,
        target=alert.burn_rate,
        threshold=alert.burn_rate,
        direction=Direction.AT_MOST,
        statistic=Statistic.RATIO,
        window=alert.share * objective.period,
        min_samples=objective.min_samples,
    )
