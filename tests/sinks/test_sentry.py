"""Violations in Sentry: the real SDK, sending to a receiver of envelopes on loopback."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from perfkit import Severity, Violation
from perfkit.errors import DeliveryError, MissingExtraError
from perfkit.model import Budget, Evidence
from perfkit.sinks import as_record
from perfkit.sinks.builtin.sentry import SentrySink
from tests.receivers.webhook import Request, WebhookReceiver
from tests.sinks.violations import make_violation


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """What takes the envelopes; the SDK is initialised to send there, and patches nothing."""
    before = set(threading.enumerate())
    with WebhookReceiver() as receiver:
        sentry_sdk.init(
            dsn=f"http://key@127.0.0.1:{receiver.port}/1",
            default_integrations=False,
            auto_enabling_integrations=False,
            environment="of the application",
        )
        own = set(threading.enumerate())
        yield receiver
        own |= {each for each in threading.enumerate() if each.name.startswith("sentry-sdk")}
        sentry_sdk.get_client().close(timeout=5)
        sentry_sdk.get_global_scope().set_client(None)
        for thread in own - before:
            if thread.name.startswith("sentry-sdk"):
                thread.join()


def _event_in(request: Request) -> dict[str, Any]:
    """Return the event of an envelope: lines of JSON, a header before each item."""
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    _, header, event = body.split(b"\n")[:3]
    assert json.loads(header)["type"] == "event"
    return json.loads(event)


def _sent(receiver: WebhookReceiver, violation: Violation) -> dict[str, Any]:
    sink = SentrySink()
    sink.emit(violation)
    sink.flush(5)
    return _event_in(receiver.wait_for(1)[-1])


def test_a_violation_is_a_message_that_says_everything(receiver: WebhookReceiver) -> None:
    violation = make_violation(evidence=(Evidence(kind="cpu", summary="9 ms in f"),))
    event = _sent(receiver, violation)
    assert SentrySink().destination == "Sentry"
    assert event["message"] == violation.describe()
    assert event["level"] == "error"
    assert event["contexts"]["perfkit"] == as_record(violation)
    assert event["tags"] == {
        "perfkit.budget": "load",
        "perfkit.category": "database",
        "perfkit.metric": "duration",
        "perfkit.state": "violated",
        "perfkit.severity": "critical",
    }
    assert event["fingerprint"] == ["perfkit", "load", "duration", "each"]
    trace = event["contexts"]["trace"]
    assert (trace["trace_id"], trace["span_id"]) == ("0" * 31 + "1", "0" * 15 + "2")


def test_without_a_trace_the_sdk_has_its_own(receiver: WebhookReceiver) -> None:
    trace = _sent(receiver, make_violation(trace_id="", span_id=""))["contexts"]["trace"]
    assert trace["trace_id"] != "0" * 31 + "1"


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"severity": Severity.INFO}, "info"),
        ({"severity": Severity.WARNING}, "warning"),
        ({"severity": Severity.CRITICAL}, "error"),
        ({"is_recovery": True}, "info"),
    ],
)
def test_the_level_follows_the_severity(
    receiver: WebhookReceiver, changes: dict[str, Any], level: str
) -> None:
    assert _sent(receiver, make_violation(**changes))["level"] == level


def test_the_environment_is_a_tag_beside_that_of_the_application(
    receiver: WebhookReceiver,
) -> None:
    event = _sent(receiver, make_violation(environment="production", value=float("inf")))
    assert event["contexts"]["perfkit"]["value"] == "Infinity"
    assert event["tags"]["perfkit.environment"] == "production"
    assert event["environment"] == "of the application"


def test_what_is_in_a_tag_is_short_and_printable(receiver: WebhookReceiver) -> None:
    budget = Budget(name="load\n" + "x" * 1000)
    tags = _sent(receiver, make_violation(budget=budget))["tags"]
    assert tags["perfkit.budget"].startswith("load\\nxxx")
    assert len(tags["perfkit.budget"]) == 200
    assert "perfkit.category" not in tags


def test_nothing_of_it_stays_in_the_scope_of_the_application(receiver: WebhookReceiver) -> None:
    SentrySink().emit(make_violation())
    sentry_sdk.capture_message("of the application")
    sentry_sdk.flush(5)
    event = _event_in(receiver.wait_for(2)[-1])
    assert "perfkit" not in event["contexts"]
    assert "fingerprint" not in event


def test_a_sentry_that_is_not_initialised_is_said() -> None:
    with pytest.raises(DeliveryError, match=r"call sentry_sdk\.init") as caught:
        SentrySink().emit(make_violation())
    assert caught.value.is_permanent


def test_a_missing_sdk_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(MissingExtraError, match=r"perfkit\[sentry\]"):
        SentrySink()
