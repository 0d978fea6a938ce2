"""Post violations to Prometheus Alertmanager as alerts, and keep them firing while they last."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import define

from perfkit.errors import ConfigurationError
from perfkit.forks import register_after_fork
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.alerts import RESERVED_LABELS, Alert, alert_of
from perfkit.sinks.redaction.redactor import values_in

MOST_ACTIVE: Final = 1000
"""How many alerts a sink keeps firing at once."""
_PATH: Final = "/api/v2/alerts"
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_AS_JSON: Final = {"Content-Type": "application/json"}
_PERIODS_TO_END: Final = 4

_Key: TypeAlias = tuple[Any, ...]


@define(eq=False)
class _Active:
    """An alert that goes on.

    Attributes:
        alert: It.
        due: When to say so again, on the sink's own clock.
        over: What ended when it began, until Alertmanager has heard of that.
    """

    alert: Alert
    due: float
    over: tuple[Alert, ...] = ()

    def alerts_until(self, ends: float) -> list[Alert]:
        """Return what to post of it."""
        return [*self.over, self.alert.ending_at(ends)]


class AlertmanagerSink:
    """Posts violations as alerts of Prometheus Alertmanager, version 0.16 or later.

    An alert is told from others by its labels: ``alertname``, ``budget``, ``category``, ``metric``,
    ``statistic``, ``severity``, ``environment``, for one that was made up ``test``, and `labels`.
    What differs from one violation to the next, such as the value and the trace, is in annotations.

    What goes on is kept firing: a violation with ``since_ns`` is posted again by each `tick` that
    is due, until its recovery comes, or one of another severity takes its place. Each time the
    alert is said to end in four times `resend`, so if this process dies, it ends by then. It may
    end that late, too, where this machine's clock is ahead of Alertmanager's. A violation of a
    single call has no recovery: its alert ends by itself after `hold`.

    Posts go out one after another, so that none overtakes one that says the opposite. One that
    fails is a `DeliveryFailed`; what it said goes on is due again at once, and a recovery that is
    not sent again is an alert that ends by itself. Safe from any thread. In the child of a fork
    nothing is active: what goes on is the parent's to say.

    Args:
        url: Of Alertmanager, with the prefix of its path if it has one, without ``/api/v2``.
        labels: Put on each alert. ``alertname`` and ``environment`` take the place of perfkit's.
        annotations: Put on each alert, where they take the place of perfkit's of the same name.
        headers: Sent with each POST.
        resend: Seconds after which an alert that goes on is posted again, above 0.
        hold: Seconds for which a violation of a single call fires, above 0.
        generator_url: Where Alertmanager links to as the source of the alerts.
        timeout: Seconds that a POST may take.
        loopback: Whether it may go to this machine itself.
        ca_file: Certificates of the authorities to trust, in a PEM file; None means the system's.
        now: Tells seconds from an arbitrary start, for `resend`.
        wall: Tells seconds since the Unix epoch, for the ends of alerts.

    Raises:
        ConfigurationError: If something of that cannot be used.
    """

    def __init__(  # noqa: PLR0913 - the options of a table in the catalog, all by name but the first
        self,
        url: str,
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        resend: float = 60.0,
        hold: float = 300.0,
        generator_url: str = "",
        timeout: float = 10.0,
        loopback: bool = False,
        ca_file: str | os.PathLike[str] | None = None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        from perfkit.sinks.http.endpoint import Endpoint  # noqa: PLC0415 - loads HTTP and TLS

        self._endpoint = Endpoint(
            _with_path(url),
            headers=headers,
            timeout=timeout,
            loopback=loopback,
            ca_file=ca_file,
            secrets=values_in((url, labels, annotations, generator_url)),
        )
        self._labels = _checked("labels", labels, RESERVED_LABELS)
        self._annotations = _checked("annotations", annotations)
        self._resend = _above_zero("resend", resend)
        self._hold = _above_zero("hold", hold)
        self._generator_url = _checked_link(generator_url)
        self._now = now
        self._wall = wall
        self.after_fork_in_child()
        register_after_fork(self)

    @property
    def destination(self) -> str:
        """Where it posts to: scheme, host and port, which are no secret."""
        return self._endpoint.destination

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.destination})"

    def after_fork_in_child(self) -> None:
        """Begin with nothing active: at first, and in the child of a fork."""
        self._lock = Lock()
        self._turn = Lock()
        self._active: dict[_Key, _Active] = {}

    def emit(self, violation: Violation) -> None:
        """Post one violation; raises `DeliveryFailed` where Alertmanager does not take it."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Post violations in one POST; raises `DeliveryFailed` where it is not taken."""
        with self._turn:
            begun: list[_Active] = []
            alerts = [alert for each in violations for alert in self._alerts_for(each, begun)]
            self._post(alerts)
            self._put_off(begun)

    def tick(self) -> float | None:
        """Post again what goes on and is due.

        Returns:
            In how many seconds something is due next; None if nothing is active.

        Raises:
            DeliveryFailed: If Alertmanager does not take it. It stays due.
        """
        with self._turn:
            with busy, self._lock:
                due = [each for each in self._active.values() if each.due <= self._now()]
            if due:
                ends = self._wall() + _PERIODS_TO_END * self._resend
                self._post([alert for each in due for alert in each.alerts_until(ends)])
                self._put_off(due)
            with busy, self._lock:
                times = [each.due for each in self._active.values()]
                return max(0.0, min(times) - self._now()) if times else None

    def _alerts_for(self, violation: Violation, begun: list[_Active]) -> list[Alert]:
        """Return what to post for one violation, and remember what goes on, in `begun` too."""
        alert = alert_of(violation, self._labels, self._annotations)
        wall = self._wall()
        if violation.is_recovery:
            return self._end(violation, alert, wall)
        if not violation.since_ns:
            return [alert.ending_at(max(violation.at_ns / 1e9, wall) + self._hold)]
        active = self._begin(violation, alert, wall)
        begun.append(active)
        return active.alerts_until(wall + _PERIODS_TO_END * self._resend)

    def _begin(self, violation: Violation, alert: Alert, wall: float) -> _Active:
        """Remember an alert that goes on, in the place of one of another severity."""
        with busy, self._lock:
            active = _Active(alert, self._now())
            before = self._active.pop(_key_of(violation), None)
            if before is not None:
                active.over = before.over
                if before.alert.labels != alert.labels:
                    active.over += (before.alert.ending_at(min(violation.at_ns / 1e9, wall)),)
            self._active[_key_of(violation)] = active
            while len(self._active) > MOST_ACTIVE:  # the oldest goes, and ends by itself
                del self._active[next(iter(self._active))]
            return active

    def _end(self, violation: Violation, alert: Alert, wall: float) -> list[Alert]:
        """Forget the alert that is over, and return what to post for that."""
        with busy, self._lock:
            before = self._active.pop(_key_of(violation), None)
        ended = alert if before is None else before.alert.with_annotations_of(alert)
        over = () if before is None else before.over
        return [*over, ended.ending_at(min(violation.at_ns / 1e9, wall))]

    def _put_off(self, posted: Sequence[_Active]) -> None:
        """Let what has arrived rest until it is time to post it again."""
        with busy, self._lock:
            for each in posted:
                each.due = self._now() + self._resend
                each.over = ()

    def _post(self, alerts: Sequence[Alert]) -> None:
        import json  # noqa: PLC0415 - loads when first needed

        content = [alert.as_json(self._generator_url) for alert in alerts]
        self._endpoint.post(json.dumps(content).encode("ascii"), _AS_JSON)


def _key_of(violation: Violation) -> _Key:
    return (violation.kind, violation.environment, violation.is_test)


def _with_path(url: str) -> str:
    if "?" in url or "#" in url:
        raise ConfigurationError("the url of Alertmanager has a query; write it without one")
    return url.rstrip("/").removesuffix(_PATH) + _PATH


def _above_zero(name: str, seconds: float) -> float:
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name} is {seconds:g} s; write a number of seconds above zero")
    return seconds


def _checked(
    what: str, given: Mapping[Any, Any] | None, reserved: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Return labels or annotations as Alertmanager keeps them: none that is empty."""
    for name, value in (given or {}).items():
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no name for {what}; write letters, digits and underscores, "
                "not beginning with a digit"
            )
        if name in reserved:
            raise ConfigurationError(f"{name} in {what} is set by perfkit; write another name")
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} in {what} is {value!r}; write a text in quotes")
    return {name: value for name, value in (given or {}).items() if value}


def _checked_link(url: str) -> str:
    if url and not re.fullmatch(r"https?://[!-~]+", url):
        raise ConfigurationError("generator_url is no link; write one such as https://example.org")
    return url
