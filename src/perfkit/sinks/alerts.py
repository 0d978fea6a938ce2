"""A violation as an alert of Prometheus Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from attrs import evolve, frozen

from perfkit.model import Violation
from perfkit.units import format_quantity

ALERT_NAME: Final = "PerformanceBudgetMissed"
"""The ``alertname`` of every alert; the label ``budget`` names the budget."""
RESERVED_LABELS: Final = frozenset(
    {"budget", "category", "metric", "statistic", "severity", "test"}
)
"""Labels that identify an alert, which no configuration may replace."""


@frozen(kw_only=True)
class Alert:
    """One alert.

    Args:
        labels: They identify the alert.
        annotations: Further texts for people.
        starts: Seconds since the Unix epoch.
        ends: Likewise; never before `starts`, which Alertmanager would refuse.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float
    ends: float = 0.0

    def ending_at(self, seconds: float) -> Self:
        """Return the alert with another end, in seconds since the Unix epoch."""
        return evolve(self, ends=max(seconds, self.starts))

    def with_annotations_of(self, other: Alert) -> Self:
        """Return the alert with the annotations of `other`."""
        return evolve(self, annotations=other.annotations)

    def as_json(self, generator_url: str) -> dict[str, Any]:
        """Return the alert in the form of version 2 of Alertmanager's API."""
        link = {"generatorURL": generator_url} if generator_url else {}
        return {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": _time(self.starts),
            "endsAt": _time(self.ends),
            **link,
        }


def alert_of(
    violation: Violation, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Alert:
    """Return the alert for `violation`, without an end.

    A recovery has the labels of the violation that ended.

    Args:
        violation: Its budget and limit become labels, its value and trace annotations.
        labels: Further labels; they replace perfkit's.
        annotations: Further annotations, likewise.
    """
    return Alert(
        labels=_filled({**_labels_of(violation), **labels}),
        annotations=_filled({**_annotations_of(violation), **annotations}),
        starts=(violation.since_ns or violation.at_ns) / 1e9,
    )


def _labels_of(violation: Violation) -> dict[str, str]:
    return {
        "alertname": ALERT_NAME,
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
