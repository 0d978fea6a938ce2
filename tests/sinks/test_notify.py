"""Violations to people: the real apprise, sending to a receiver on loopback and to dead ports."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from perfkit import Severity, Violation
from perfkit.errors import ConfigurationError, DeliveryError, MissingExtraError
from perfkit.model import Budget, Evidence
from perfkit.sinks.builtin.notify import NotifySink
from tests.receivers.certificates import make_certificate
from tests.receivers.webhook import WebhookReceiver, answer, closed_port, redirect
from tests.sinks.violations import make_violation

SECRET = "s3cr3t-t0ken"  # noqa: S105 - it opens nothing

# apprise itself uses it, up to the Python that has it no more
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def _url(port: int) -> str:
    return f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}"


def _sent(receiver: WebhookReceiver, violation: Violation, **options: Any) -> dict[str, Any]:
    NotifySink([_url(receiver.port)], **options).emit(violation)
    (request,) = receiver.requests
    content: dict[str, Any] = request.json()
    return content


# -- what is sent


@pytest.mark.parametrize(
    ("changes", "kind", "title"),
    [
        ({}, "failure", "critical: budget load"),
        ({"severity": Severity.INFO}, "info", "info: budget load"),
        ({"severity": Severity.WARNING}, "warning", "warning: budget load"),
        ({"is_recovery": True}, "success", "recovered: budget load"),
        ({"is_test": True}, "failure", "TEST critical: budget load"),
    ],
)
def test_title_and_kind_follow_the_severity(
    receiver: WebhookReceiver, changes: dict[str, Any], kind: str, title: str
) -> None:
    violation = make_violation(**changes)
    sent = _sent(receiver, violation)
    assert (sent["type"], sent["title"]) == (kind, title)
    assert sent["message"] == violation.describe()


def test_the_title_can_be_chosen(receiver: WebhookReceiver) -> None:
    title = "[{environment}] {category}/{budget} {metric} {state}"
    sent = _sent(receiver, make_violation(environment="production"), title=title)
    assert sent["title"] == "[production] database/load duration violated"


def test_a_title_that_names_something_else_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^title: unknown placeholder \{severity!r\}"):
        NotifySink("json://127.0.0.1", title="{severity!r}")


def test_the_body_tells_of_all_evidence(receiver: WebhookReceiver) -> None:
    evidence = (
        Evidence(kind="cpu", summary="9 ms in f"),
        Evidence(kind="memory", summary="2 MB\nby g"),
    )
    violation = make_violation(evidence=evidence)
    assert violation.describe().endswith("9 ms in f")
    message = _sent(receiver, violation)["message"]
    assert message.splitlines() == [violation.describe(), "2 MB\\nby g"]


def test_title_and_body_are_short_and_printable(receiver: WebhookReceiver) -> None:
    budget = Budget(name="load\r\n" + "x" * 10_000)
    evidence = tuple(Evidence(kind="cpu", summary=str(number) * 500) for number in range(10))
    sent = _sent(receiver, make_violation(budget=budget, evidence=evidence))
    assert len(sent["title"]) == 200
    assert sent["title"].isprintable()
    assert len(sent["message"]) == 2000
    assert sent["message"].endswith("...")


# -- what fails


def test_a_service_that_fails_is_named_by_its_schema(receiver: WebhookReceiver) -> None:
    sink = NotifySink([_url(receiver.port), _url(closed_port())])
    with pytest.raises(DeliveryError, match="1 of 2 services did not accept it: json") as caught:
        sink.emit(make_violation())
    assert not caught.value.is_permanent
    assert SECRET not in str(caught.value)
    assert len(receiver.requests) == 1


def test_a_second_try_goes_only_to_those_that_failed(receiver: WebhookReceiver) -> None:
    with WebhookReceiver() as other:
        other.then(answer(503))
        sink = NotifySink([_url(receiver.port), _url(other.port)])
        violation = make_violation()
        with pytest.raises(DeliveryError):
            sink.emit(violation)
        sink.emit(violation)
        assert (len(receiver.requests), len(other.requests)) == (1, 2)
        sink.emit(violation)
        assert (len(receiver.requests), len(other.requests)) == (2, 3)


def test_no_secret_is_logged_or_shown(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """At any level: of a service that takes it, one that refuses it, and one that is not there."""
    caplog.set_level(1)
    receiver.then(answer(), answer(403))
    told = []
    for port in (receiver.port, receiver.port, closed_port()):
        sink = NotifySink(_url(port))
        told += [repr(sink), sink.destination]
        try:
            sink.emit(make_violation())
        except DeliveryError as error:
            told.append(repr(error))
    told += [record.getMessage() for record in caplog.records]
    assert {"apprise", "urllib3.connectionpool"} <= {record.name for record in caplog.records}
    assert "WARNING" in {record.levelname for record in caplog.records}
    assert not [text for text in told if SECRET in text]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"slack://{SECRET}", "slack"),
        (f"nonsense://user:{SECRET}@host/", "nonsense"),
        (f"json:/ {SECRET}", "no schema"),
        (SECRET, "no schema"),
        (f"mailto://user:{SECRET}@", "mailto"),
        (f"json://user:{SECRET}@:port:/", "json"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_place(
    url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    with pytest.raises(ConfigurationError) as caught:
        NotifySink(["json://127.0.0.1", url])
    assert str(caught.value) == f"address 2 ({name}) is not one that apprise can use"
    assert SECRET not in caplog.text
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("spelling", ["no", "No", "false", "0", "off", "never", "deny", "disabled"])
def test_an_address_that_trusts_anybody_is_refused(spelling: str) -> None:
    url = f"jsons://user:{SECRET}@example.org/?verify={spelling}"
    with pytest.raises(ConfigurationError) as caught:
        NotifySink(["json://127.0.0.1", url])
    assert str(caught.value).startswith("address 2 (jsons) says verify=no, ")
    assert SECRET not in str(caught.value)
    NotifySink("jsons://example.org/?verify=yes")


def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path) -> None:
    with WebhookReceiver(make_certificate(tmp_path)) as receiver:
        sink = NotifySink(f"jsons://127.0.0.1:{receiver.port}")
        with pytest.raises(DeliveryError):
            sink.emit(make_violation())
        assert receiver.requests == []


@pytest.mark.parametrize("said", ["", "&redirect=yes"])
def test_redirects_are_not_followed(receiver: WebhookReceiver, said: str) -> None:
    with WebhookReceiver() as elsewhere:
        receiver.always(redirect(elsewhere.url))
        with pytest.raises(DeliveryError):
            NotifySink(f"{_url(receiver.port)}?x=y{said}").emit(make_violation())
        assert (len(receiver.requests), elsewhere.requests) == (1, [])


def test_no_address_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        NotifySink([])


# -- what is logged meanwhile


def _logged_while_it_notifies(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, url: str, log: Any
) -> str:
    """Return what is written of what `log` logs in the place of apprise."""
    caplog.set_level(1)
    sink = NotifySink(url)

    def notify(**_: Any) -> bool:
        log(logging.getLogger("apprise"))
        return True

    monkeypatch.setattr(sink._services[0], "notify", notify)
    sink.emit(make_violation())
    return caplog.text


@pytest.mark.parametrize(
    ("url", "line", "logged"),
    [
        ("json://%75s:p%2Fss0@127.0.0.1", "Basic dXM6cC9zczA=.", "Basic ***=."),
        ("json://us:pwd@127.0.0.1", "the password pwd, us:pwd", "the password ***, ***"),
        ("json://us:pa%2Fss@127.0.0.1", '{"a": "pa\\/ss"}', '{"a": "***"}'),
    ],
)
def test_no_form_of_a_password_is_logged(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    line: str,
    logged: str,
) -> None:
    _logged_while_it_notifies(caplog, monkeypatch, url, lambda logger: logger.debug(line))
    assert caplog.messages[-1] == logged


def test_a_traceback_is_logged_without_secrets(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def log(logger: logging.Logger) -> None:
        error = ValueError(f"cannot send to {SECRET}")
        logger.error("it failed", exc_info=error, stack_info=True)
        logger.warning("%d", SECRET)

    text = _logged_while_it_notifies(caplog, monkeypatch, _url(1), log)
    assert "ValueError: cannot send to ***" in text
    assert "cannot be formatted" in text
    assert SECRET not in text


def test_what_others_log_meanwhile_is_as_it_was(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application may use the same libraries in other threads, and its words are its own."""

    def elsewhere() -> None:
        logger = logging.getLogger("urllib3.connectionpool")
        logger.error("of %s", SECRET, exc_info=ValueError(SECRET))

    def log(_: logging.Logger) -> None:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    _logged_while_it_notifies(caplog, monkeypatch, _url(1), log)
    (record,) = [each for each in caplog.records if each.name == "urllib3.connectionpool"]
    assert (record.msg, record.args) == ("of %s", (SECRET,))
    assert record.exc_info is not None


def test_the_filters_of_loggers_do_not_change(receiver: WebhookReceiver) -> None:
    """A thread that goes through them meanwhile would miss one."""
    logger = logging.getLogger("apprise")
    before, meanwhile = list(logger.filters), list[object]()
    receiver.always(lambda exchange: (meanwhile.extend(logger.filters), answer()(exchange))[-1])
    _sent(receiver, make_violation())
    assert before == meanwhile == logger.filters


def test_a_missing_apprise_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtraError, match=r"perfkit\[notify\]"):
        NotifySink("json://127.0.0.1")


@pytest.mark.parametrize(
    ("urls", "text"),
    [
        ("json://127.0.0.1/token", "1 service: json"),
        (["JSON://127.0.0.1", "mailto://user:pass@example.com"], "2 services: json, mailto"),
    ],
)
def test_it_says_where_violations_go(urls: str | list[str], text: str) -> None:
    assert NotifySink(urls).destination == text
