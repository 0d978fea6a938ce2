"""What Alertmanager is told of violations, and that a real one understands it."""

from __future__ import annotations

from typing import Any

import pytest

from perfkit import Severity, State
from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Budget
from perfkit.sinks.builtin import alertmanager as module
from perfkit.sinks.builtin.alertmanager import AlertmanagerSink
from tests.processes import fork
from tests.receivers.webhook import WebhookReceiver, answer, reset
from tests.sinks.alertmanagers import AT, Clock, ns, ongoing, recovery, severities, sink_for, spans
from tests.sinks.violations import make_violation

# What is said.


def test_an_alert_says_who_in_labels_and_how_much_in_annotations(
    receiver: WebhookReceiver, times: Clock
) -> None:
    budget = Budget(name="load", category="database", critical=True, description="Load one.")
    violation = make_violation(budget=budget, environment="production", suppressed=3)
    sink_for(receiver, times, generator_url="https://example.org/x").emit(violation)
    (request,) = receiver.requests
    assert request.path == "/api/v2/alerts"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == [
        {
            "labels": {
                "alertname": "PerformanceBudgetMissed",
                "budget": "load",
                "category": "database",
                "metric": "duration",
                "statistic": "each",
                "severity": "critical",
                "environment": "production",
            },
            "annotations": {
                "summary": violation.describe(),
                "description": "Load one.",
                "value": "412 ms",
                "target": "100 ms",
                "threshold": "300 ms",
                "function": "app.load",
                "trace_id": "0" * 31 + "1",
                "span_id": "0" * 15 + "2",
                "suppressed": "3",
            },
            "startsAt": "2023-11-14T22:13:20.000Z",
            "endsAt": "2023-11-14T22:18:20.000Z",
            "generatorURL": "https://example.org/x",
        }
    ]


def test_what_is_empty_is_left_out(receiver: WebhookReceiver, times: Clock) -> None:
    violation = make_violation(budget=Budget(name="load"), trace_id="", span_id="")
    sink_for(receiver, times, labels={"team": "", "alertname": ""}).emit(violation)
    (alert,) = receiver.requests[0].json()
    assert set(alert["labels"]) == {"alertname", "budget", "metric", "statistic", "severity"}
    assert "trace_id" not in alert["annotations"]
    assert "suppressed" not in alert["annotations"]
    assert "generatorURL" not in alert


def test_more_labels_and_annotations_can_be_put_on(receiver: WebhookReceiver, times: Clock) -> None:
    sink_for(
        receiver,
        times,
        labels={"team": "web", "alertname": "Slow"},
        annotations={"runbook_url": "https://example.org", "function": "hidden"},
    ).emit(make_violation(is_test=True))
    (alert,) = receiver.requests[0].json()
    assert alert["labels"]["test"] == "true"
    assert (alert["labels"]["team"], alert["labels"]["alertname"]) == ("web", "Slow")
    assert alert["annotations"]["runbook_url"] == "https://example.org"
    assert alert["annotations"]["function"] == "hidden"


@pytest.mark.parametrize("prefix", ["", "/", "/prefix", "/prefix/", "/prefix/api/v2/alerts"])
def test_the_path_can_have_a_prefix(receiver: WebhookReceiver, times: Clock, prefix: str) -> None:
    sink = AlertmanagerSink(f"http://127.0.0.1:{receiver.port}{prefix}")
    sink.emit(make_violation())
    wanted = "/prefix/api/v2/alerts" if "prefix" in prefix else "/api/v2/alerts"
    assert receiver.requests[0].path == wanted


# How long an alert fires.


def test_one_of_a_single_call_ends_by_itself(receiver: WebhookReceiver, times: Clock) -> None:
    sink = sink_for(receiver, times, hold=30.0)
    sink.emit(make_violation())
    assert spans(receiver) == [[(0.0, 30.0)]]
    assert sink.tick() is None


def test_one_that_comes_late_fires_still(receiver: WebhookReceiver, times: Clock) -> None:
    """Alertmanager tells nobody of an alert that is over when it arrives."""
    times.seconds = 1000.0
    sink_for(receiver, times, hold=30.0).emit(make_violation())
    assert spans(receiver) == [[(0.0, 1030.0)]]


def test_what_goes_on_is_posted_again_in_time(receiver: WebhookReceiver, times: Clock) -> None:
    sink = sink_for(receiver, times, resend=60.0)
    sink.emit(ongoing())
    assert sink.tick() == 60.0
    times.seconds = 45.0
    assert sink.tick() == 15.0
    times.seconds = 61.0
    assert sink.tick() == 60.0
    assert spans(receiver) == [[(-5.0, 240.0)], [(-5.0, 301.0)]]


def test_a_recovery_ends_it_once(receiver: WebhookReceiver, times: Clock) -> None:
    sink = sink_for(receiver, times)
    sink.emit(ongoing())
    times.seconds = 30.0
    sink.emit(recovery(at_ns=ns(AT + 29)))
    assert spans(receiver) == [[(-5.0, 240.0)], [(-5.0, 29.0)]]
    first, last = (request.json()[0] for request in receiver.requests)
    assert first["labels"] == last["labels"]
    assert "recovered" in last["annotations"]["summary"]
    times.seconds = 1000.0
    assert sink.tick() is None
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(("at", "end"), [(AT, 0.0), (AT - 60, -5.0)])
def test_a_recovery_of_what_was_forgotten_ends_it_too(
    receiver: WebhookReceiver, times: Clock, at: float, end: float
) -> None:
    """As after a restart: Alertmanager may know it still. It refuses ends before the start."""
    sink_for(receiver, times).emit(ongoing())
    sink_for(receiver, times).emit(recovery(at_ns=ns(at)))
    first, last = (request.json()[0] for request in receiver.requests)
    assert first["labels"] == last["labels"]
    assert spans(receiver)[-1] == [(-5.0, end)]


def test_another_severity_takes_the_place_of_the_first(
    receiver: WebhookReceiver, times: Clock
) -> None:
    sink = sink_for(receiver, times)
    sink.emit(ongoing(severity=Severity.INFO, state=State.DEGRADED))
    times.seconds = 10.0
    sink.emit(ongoing(since_ns=ns(AT + 9), at_ns=ns(AT + 9)))
    assert severities(receiver) == [["info"], ["info", "critical"]]
    assert spans(receiver)[1] == [(-5.0, 9.0), (9.0, 250.0)]
    times.seconds = 70.0
    sink.tick()
    assert severities(receiver)[2] == ["critical"]


def test_the_same_again_stays_one_alert(receiver: WebhookReceiver, times: Clock) -> None:
    sink = sink_for(receiver, times)
    sink.emit_many([ongoing(), ongoing(value=0.5)])
    times.seconds = 60.0
    sink.tick()
    assert [len(each) for each in spans(receiver)] == [2, 1]
    assert receiver.requests[1].json()[0]["annotations"]["value"] == "500 ms"


def test_environments_and_tests_have_alerts_of_their_own(
    receiver: WebhookReceiver, times: Clock
) -> None:
    sink = sink_for(receiver, times)
    sink.emit_many([ongoing(), ongoing(environment="staging"), ongoing(is_test=True)])
    sink.emit(recovery(is_test=True))
    times.seconds = 60.0
    sink.tick()
    assert [len(each) for each in spans(receiver)] == [3, 1, 2]


def test_no_more_than_so_many_are_kept_firing(
    receiver: WebhookReceiver, times: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ACTIVE", 2)
    sink = sink_for(receiver, times)
    sink.emit_many([ongoing(budget=Budget(name=name)) for name in ("first", "second", "third")])
    times.seconds = 60.0
    sink.tick()
    last = receiver.requests[-1].json()
    assert [each["labels"]["budget"] for each in last] == ["second", "third"]


# When it cannot be delivered.


def test_what_did_not_arrive_is_due_again_at_once(receiver: WebhookReceiver, times: Clock) -> None:
    receiver.then(answer(503), reset(), answer(), answer())
    sink = sink_for(receiver, times)
    with pytest.raises(DeliveryError):
        sink.emit(ongoing())
    with pytest.raises(DeliveryError):
        sink.tick()
    assert sink.tick() == 60.0
    assert sink.tick() == 60.0
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("is_recovered", [False, True])
def test_what_ended_with_a_post_that_failed_is_said_again(
    receiver: WebhookReceiver,
    times: Clock,
    is_recovered: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    sink = sink_for(receiver, times)
    sink.emit(ongoing(severity=Severity.INFO, state=State.DEGRADED))
    receiver.then(answer(503))
    with pytest.raises(DeliveryError):
        sink.emit(ongoing())
    sink.emit(recovery() if is_recovered else ongoing())
    times.seconds = 60.0
    sink.tick()
    again = [] if is_recovered else [["critical"]]
    assert severities(receiver) == [["info"], *[["info", "critical"]] * 2, *again]


def test_a_recovery_that_failed_can_be_tried_again(receiver: WebhookReceiver, times: Clock) -> None:
    receiver.then(answer(), answer(503), answer())
    sink = sink_for(receiver, times)
    sink.emit(ongoing())
    with pytest.raises(DeliveryError):
        sink.emit(recovery())
    sink.emit(recovery())
    assert spans(receiver)[1] == spans(receiver)[2]
    assert sink.tick() is None


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_in_the_child_of_a_fork_nothing_goes_on(receiver: WebhookReceiver, times: Clock) -> None:
    sink = sink_for(receiver, times)
    sink.emit(ongoing())

    def check() -> None:
        assert sink.tick() is None

    assert fork(check) == 0
    assert sink.tick() == 60.0


# What cannot be used is said at once.


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"labels": {"a-b": "c"}}, "'a-b' is not a name for labels"),
        ({"labels": {"1a": "c"}}, "is not a name for labels"),
        ({"labels": {1: "c"}}, "is not a name for labels"),
        ({"labels": {"a\n": "c"}}, "is not a name for labels"),
        ({"labels": {"severity": "page"}}, "severity in labels is set by perfkit"),
        ({"labels": {"a": 1}}, "a in labels is 1; write a text"),
        ({"annotations": {"a b": "c"}}, "'a b' is not a name for annotations"),
        ({"resend": 0.0}, "resend is 0.0; it is a number of seconds above 0"),
        ({"hold": float("nan")}, "hold is nan; "),
        ({"hold": "5m"}, "hold is '5m'; "),
        ({"generator_url": "javascript:alert(1)"}, "generator_url is not a link"),
        ({"url": "https://example.org?a=b"}, "has a query"),
    ],
    ids=repr,
)
def test_an_option_that_cannot_be_used_is_an_error_at_once(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        AlertmanagerSink(**{"url": "https://example.org", **options})


def test_it_says_where_it_leads_and_no_more() -> None:
    sink = AlertmanagerSink("https://example.org/secret", headers={"Authorization": "secret"})
    assert sink.destination == "https://example.org:443"
    assert "secret" not in repr(sink)
