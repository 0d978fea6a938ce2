"""A violation as an alert of Prometheus Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from attrs import evolve, frozen

from perfkit.model import Violation
from perfkit.units import format_quantity

ALERT_NAME: Final = "PerformanceBudgetMissed"
"""The ``alertname`` of every alert; which budget it is says the label ``budget``."""
RESERVED_LABELS: Final = frozenset(
    {"budget", "category", "metric", "statistic", "severity", "test"}
)
"""Labels that tell one alert from another, so nobody may set them to something else."""


@frozen(kw_only=True)
class Alert:
    """One alert.

    Args:
        labels: What makes it this alert and no other.
        annotations: What else is to be said.
        starts: Seconds since the Unix epoch.
        ends: Likewise; never before `starts`, which Alertmanager would refuse.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: float
    ends: float = 0.0

    def ending_at(self, seconds: float) -> Self:
        """Return it with another end."""
        return evolve(self, ends=max(seconds, self.starts))

    def with_annotations_of(self, other: Alert) -> Self:
        """Return it with what `other` has to say."""
        return evolve(self, annotations=other.annotations)

    def as_json(self, generator_url: str) -> dict[str, Any]:
        """Return it in the form of Alertmanager's API, version 2."""
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

    A recovery has the labels of the violation that is over.

    Args:
        violation: What happened.
        labels: More labels, which win over perfkit's.
        annotations: More annotations, likewise.
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
    """Return those that say something: Alertmanager takes an empty label for none at all."""
    return {name: text for name, text in texts.items() if text}


def _time(seconds: float) -> str:
    """Return a time as RFC 3339 writes it, in UTC."""
    written = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
