"""What the tests of the sink for Alertmanager share: clocks, violations, and what was posted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perfkit import State, Violation
from perfkit.catalog import parse_limits
from perfkit.model import Metric
from perfkit.sinks.builtin.alertmanager import AlertmanagerSink
from tests.receivers.webhook import WebhookReceiver
from tests.sinks.violations import make_violation

AT = 1_700_000_000.0
"""When the violations of these tests are."""


class Clock:
    """Both clocks of a sink; they stand still until a test moves them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return AT + self.seconds


def sink_for(receiver: WebhookReceiver, times: Clock, **options: Any) -> AlertmanagerSink:
    given = {"timeout": 20.0, "now": times.now, "wall": times.wall}
    return AlertmanagerSink(f"http://127.0.0.1:{receiver.port}", **{**given, **options})


def ongoing(**changes: Any) -> Violation:
    limit = parse_limits(
        Metric.DURATION,
        {"target": "100ms", "threshold": "300ms", "statistic": "p95", "window": "1m"},
    )[0]
    return make_violation(**{"limit": limit, "since_ns": ns(AT - 5), **changes})


def recovery(**changes: Any) -> Violation:
    return ongoing(**{"is_recovery": True, "state": State.MET, "value": 0.05, **changes})


def ns(seconds: float) -> int:
    return round(seconds * 1e9)


def seconds_of(text: str) -> float:
    assert text.endswith("Z")
    return datetime.fromisoformat(text).timestamp()


def spans(receiver: WebhookReceiver) -> list[list[tuple[float, float]]]:
    """Return the start and the end of each alert of each post, from AT on."""
    return [
        [(seconds_of(each["startsAt"]) - AT, seconds_of(each["endsAt"]) - AT) for each in post]
        for post in (request.json() for request in receiver.requests)
    ]


def severities(receiver: WebhookReceiver) -> list[list[str]]:
    return [
        [each["labels"]["severity"] for each in request.json()] for request in receiver.requests
    ]
