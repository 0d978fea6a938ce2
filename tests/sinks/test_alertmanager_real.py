"""A real Alertmanager takes what the sink posts, and people hear of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from perfkit import Severity
from perfkit.errors import DeliveryError
from perfkit.model import Budget
from perfkit.sinks.builtin.alertmanager import AlertmanagerSink
from tests.receivers.alertmanager import Alertmanager, find_alertmanager
from tests.receivers.webhook import WebhookReceiver
from tests.sinks.alertmanagers import Clock, ns, ongoing, recovery
from tests.sinks.violations import make_violation

needs_alertmanager = pytest.mark.skipif(
    find_alertmanager() is None, reason="Alertmanager is not installed"
)


def names_of(requests: list[Any]) -> list[tuple[str, str]]:
    return [
        (each["labels"]["budget"], each["status"])
        for request in requests
        for each in request.json()["alerts"]
    ]


@needs_alertmanager
def test_people_hear_of_a_violation_and_of_its_recovery(
    receiver: WebhookReceiver, tmp_path: Path
) -> None:
    with Alertmanager(tmp_path, notify=receiver.url) as alertmanager:
        sink = AlertmanagerSink(alertmanager.url, generator_url="https://a.b/c")
        now = time.time()
        sink.emit(ongoing(since_ns=ns(now - 5), at_ns=ns(now - 4), environment="production"))
        (alert,) = alertmanager.alerts(budget="load", environment="production")
        assert alert["labels"]["severity"] == "critical"
        assert alert["annotations"]["value"] == "412 ms"
        assert alert["generatorURL"] == "https://a.b/c"
        receiver.wait_for(1)
        sink.emit(recovery(since_ns=ns(now - 5), at_ns=ns(now - 1), environment="production"))
        assert alertmanager.alerts() == []
        assert names_of(receiver.wait_for(2)) == [("load", "firing"), ("load", "resolved")]
    assert sink.tick() is None


@needs_alertmanager
def test_a_severity_that_changes_leaves_one_alert(tmp_path: Path) -> None:
    with Alertmanager(tmp_path) as alertmanager:
        sink = AlertmanagerSink(alertmanager.url)
        now = time.time()
        sink.emit(ongoing(severity=Severity.INFO, since_ns=ns(now - 9), at_ns=ns(now - 9)))
        sink.emit(ongoing(since_ns=ns(now - 5), at_ns=ns(now - 5)))
        assert [each["labels"]["severity"] for each in alertmanager.alerts()] == ["critical"]


@needs_alertmanager
def test_names_of_any_kind_arrive(tmp_path: Path) -> None:
    name = 'lo\u00e9d "{{ .Labels }}"\n\\'
    with Alertmanager(tmp_path) as alertmanager:
        now = ns(time.time())
        sink = AlertmanagerSink(alertmanager.url)
        sink.emit_many(
            [make_violation(budget=Budget(name=each), at_ns=now) for each in (name, "\udcff", "x")]
        )
        assert {each["labels"]["budget"] for each in alertmanager.alerts()} == {name, "\ufffd", "x"}


@needs_alertmanager
def test_what_goes_on_is_there_again_after_a_restart(tmp_path: Path, times: Clock) -> None:
    """Alertmanager forgets alerts when it ends; the next tick that is due says them again."""
    with Alertmanager(tmp_path) as alertmanager:
        sink = AlertmanagerSink(alertmanager.url, now=times.now)
        sink.emit(ongoing(since_ns=ns(time.time() - 5)))
        alertmanager.stop()
        times.seconds = 60.0
        with pytest.raises(DeliveryError, match="cannot be reached"):
            sink.tick()
        alertmanager.start()
        assert alertmanager.alerts() == []
        assert sink.tick() == 60.0
        assert len(alertmanager.alerts(budget="load")) == 1


@needs_alertmanager
def test_what_is_no_alert_is_refused_for_good(tmp_path: Path) -> None:
    with Alertmanager(tmp_path) as alertmanager:
        alertmanager.start()  # it runs already
        sink = AlertmanagerSink(alertmanager.url, labels={"__bad": "a"})
        sink._annotations = {"not a name": "b"}
        with pytest.raises(DeliveryError, match="responded with 400") as caught:
            sink.emit(make_violation())
    assert caught.value.is_permanent
