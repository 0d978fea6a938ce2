"""Post violations to Prometheus Alertmanager as alerts, and renew them until they resolve."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

from attrs import define, evolve, frozen

from perfkit.errors import ConfigurationError
from perfkit.forks import register_after_fork
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.arguments import checked_seconds
from perfkit.sinks.redaction import values_in
from perfkit.units import format_quantity

MOST_ACTIVE: Final = 1000
"""The number of alerts that a sink renews at once."""
_PATH: Final = "/api/v2/alerts"
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED: Final = frozenset({"budget", "category", "metric", "statistic", "severity", "test"})
"""Labels that identify an alert, which no configuration may replace."""
# Three POSTs in a row may fail before an alert that is still active resolves.
_PERIODS_TO_END: Final = 4


@frozen(kw_only=True)
class _Alert:
    """One alert; its times are seconds since the Unix epoch."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float
    ends: float = 0.0

    def ending_at(self, seconds: float) -> Self:
        # Alertmanager would refuse an alert that ends before it starts.
        return evolve(self, ends=max(seconds, self.starts))

    def as_json(self, generator_url: str) -> dict[str, Any]:
        link = {"generatorURL": generator_url} if generator_url else {}
        return {
            "labels": self.labels,
            "annotations": self.annotations,
            "startsAt": _time(self.starts),
            "endsAt": _time(self.ends),
            **link,
        }


@define(eq=False)
class _Active:
    """An alert that fires until its recovery.

    Attributes:
        alert: The alert.
        due: When to post it again, in seconds on the sink's clock.
        over: Alerts that it replaced, until their end is posted.
    """

    alert: _Alert
    due: float
    over: tuple[_Alert, ...] = ()

    def alerts_until(self, ends: float) -> list[_Alert]:
        """Return the alerts to post: this one, and those that it replaced."""
        return [*self.over, self.alert.ending_at(ends)]


class AlertmanagerSink:
    """Posts violations as alerts of Prometheus Alertmanager, version 0.16 or later.

    Its labels identify an alert: ``alertname``, ``budget``, ``category``, ``metric``,
    ``statistic``, ``severity``, ``environment``, ``test`` for a sample, and `labels`. Values that
    differ between violations, such as the value and the trace, are annotations.

    A violation with ``since_ns`` is active until its recovery, or until one of another severity
    replaces it: each `tick` that is due posts it again, with an end in four times `resend`, by
    which it resolves if the process dies, a recovery is lost, or the clock of this machine is ahead
    of Alertmanager's. A violation of a single call has no recovery: its alert resolves after
    `hold`.

    Posts are serialised, so that a recovery cannot overtake its violation. After a failure, active
    alerts are due again at once. Safe from any thread. In the child of a fork no alert is active:
    the parent renews them.

    Args:
        url: Of Alertmanager, with the prefix of its path if it has one, without ``/api/v2``.
        labels: Added to each alert. ``alertname`` and ``environment`` replace perfkit's.
        annotations: Added to each alert; they replace perfkit's of the same name.
        headers: Sent with each POST.
        resend: Seconds after which an active alert is posted again, above 0.
        hold: Seconds for which a violation of a single call fires, above 0.
        generator_url: The link from an alert to its source.
        timeout: Seconds to connect and to wait for the response, above 0.
        ca_file: Certificates of the authorities to trust, in a PEM file; None means the system's.
        now: Returns seconds from an arbitrary start, for `resend`.
        wall: Returns seconds since the Unix epoch, for the ends of alerts.

    Raises:
        ConfigurationError: If an argument cannot be used.
        MissingExtraError: If urllib3 is not installed.
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
        ca_file: str | os.PathLike[str] | None = None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        from perfkit.sinks.http.client import HttpClient  # noqa: PLC0415 - loads HTTP and TLS

        self._client = HttpClient(
            _with_path(url),
            headers=headers,
            timeout=timeout,
            ca_file=ca_file,
            secrets=values_in((url, labels, annotations, generator_url)),
        )
        self._labels = _checked("labels", labels, _RESERVED)
        self._annotations = _checked("annotations", annotations)
        self._resend = checked_seconds("resend", resend)
        self._hold = checked_seconds("hold", hold)
        self._generator_url = _checked_link(generator_url)
        self._now = now
        self._wall = wall
        self.after_fork_in_child()
        register_after_fork(self)

    @property
    def destination(self) -> str:
        """Scheme, host and port of the URL, none of which is a secret."""
        return self._client.destination

    def after_fork_in_child(self) -> None:
        """Start without active alerts: at first, and in the child of a fork."""
        # Held by each thread that reads or changes the alerts, also while it posts.
        self._turn = Lock()
        self._active: dict[Any, _Active] = {}

    def emit(self, violation: Violation) -> None:
        """Post one violation; raise `DeliveryError` if Alertmanager does not accept it."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Post violations in one POST; raise `DeliveryError` if it is not accepted."""
        with self._turn:
            begun: list[_Active] = []
            alerts = [alert for each in violations for alert in self._alerts_for(each, begun)]
            self._post(alerts)
            self._postpone(begun)

    def tick(self) -> float | None:
        """Post active alerts again that are due.

        Returns:
            Seconds until the next one is due, at least 0; None without active alerts.

        Raises:
            DeliveryError: If Alertmanager does not accept them. They stay due.
        """
        with self._turn:
            with busy:
                due = [each for each in self._active.values() if each.due <= self._now()]
            if due:
                ends = self._wall() + _PERIODS_TO_END * self._resend
                self._post([alert for each in due for alert in each.alerts_until(ends)])
                self._postpone(due)
            with busy:
                times = [each.due for each in self._active.values()]
                return max(0.0, min(times) - self._now()) if times else None

    def _alerts_for(self, violation: Violation, begun: list[_Active]) -> list[_Alert]:
        """Return the alerts to post for one violation; append a newly active one to `begun`."""
        # A recovery has the labels of the violation that ended.
        alert = _Alert(
            labels=_filled({**_labels_of(violation), **self._labels}),
            annotations=_filled({**_annotations_of(violation), **self._annotations}),
            starts=(violation.since_ns or violation.at_ns) / 1e9,
        )
        wall = self._wall()
        if violation.is_recovery:
            return self._end(violation, alert, wall)
        if not violation.since_ns:
            return [alert.ending_at(max(violation.at_ns / 1e9, wall) + self._hold)]
        active = self._begin(violation, alert, wall)
        begun.append(active)
        return active.alerts_until(wall + _PERIODS_TO_END * self._resend)

    def _begin(self, violation: Violation, alert: _Alert, wall: float) -> _Active:
        """Register an active alert; it replaces one of another severity."""
        with busy:
            before = self._active.pop(_key_of(violation), None)
            over = before.over if before else ()
            # With other labels it is another alert, which would fire until its own end.
            if before and before.alert.labels != alert.labels:
                over += (before.alert.ending_at(min(violation.at_ns / 1e9, wall)),)
            active = self._active[_key_of(violation)] = _Active(alert, self._now(), over)
            while len(self._active) > MOST_ACTIVE:  # the oldest then resolves by itself
                del self._active[next(iter(self._active))]
            return active

    def _end(self, violation: Violation, alert: _Alert, wall: float) -> list[_Alert]:
        """Remove an active alert, and return the alerts to post for its end."""
        before = self._active.pop(_key_of(violation), None)
        # An end in the future would let the alert fire until then, so a clock that was set back
        # since the violation must not count.
        ended = min(violation.at_ns / 1e9, wall)
        if before is None:
            return [alert.ending_at(ended)]
        return [*before.over, evolve(before.alert, annotations=alert.annotations).ending_at(ended)]

    def _postpone(self, posted: Sequence[_Active]) -> None:
        """Set when posted alerts are due again."""
        for each in posted:
            each.due = self._now() + self._resend
            each.over = ()

    def _post(self, alerts: Sequence[_Alert]) -> None:
        content = [alert.as_json(self._generator_url) for alert in alerts]
        self._client.post(json.dumps(content).encode("ascii"))


def _key_of(violation: Violation) -> tuple[Any, ...]:
    return (violation.kind, violation.environment, violation.is_test)


def _labels_of(violation: Violation) -> dict[str, str]:
    return {
        "alertname": "PerformanceBudgetMissed",
        "budget": violation.budget.name,
        "category": violation.budget.category,
        "metric": str(violation.limit.metric),
        "statistic": str(violation.limit.statistic),
        "severity": str(violation.severity),
        "environment": violation.environment,
        "test": "true" if violation.is_test else "",
    }


def _annotations_of(violation: Violation) -> dict[str, str]:
    limit, unit = violation.limit, violation.limit.metric.unit
    return {
        "summary": violation.describe(),
        "description": violation.budget.description,
        "value": format_quantity(violation.value, unit),
        "target": format_quantity(limit.target, unit),
        "threshold": format_quantity(limit.threshold, unit),
        "function": violation.where.function,
        "trace_id": violation.trace_id,
        "span_id": violation.span_id,
        "suppressed": str(violation.suppressed or ""),
    }


def _filled(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that are not empty: to Alertmanager an empty label is a missing one."""
    return {name: text for name, text in texts.items() if text}


def _time(seconds: float) -> str:
    """Return a time in UTC in the format of RFC 3339."""
    written = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


def _with_path(url: str) -> str:
    if "?" in url or "#" in url:
        raise ConfigurationError("the url of Alertmanager has a query; write it without one")
    return url.rstrip("/").removesuffix(_PATH) + _PATH


def _checked(
    what: str, given: Mapping[Any, Any] | None, reserved: frozenset[str] = frozenset()
) -> dict[str, str]:
    given = given or {}
    for name, value in given.items():
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is not a name for {what}; write letters, digits and underscores, "
                "not beginning with a digit"
            )
        if name in reserved:
            raise ConfigurationError(f"{name} in {what} is set by perfkit; write another name")
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} in {what} is {value!r}; write a text in quotes")
    return _filled(given)


def _checked_link(url: str) -> str:
    if url and not re.fullmatch(r"https?://[!-~]+", url):
        raise ConfigurationError(
            "generator_url is not a link; write one such as https://example.org"
        )
    return url
