"""What a webhook posts, in which shape, and how a receiver can trust it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from standardwebhooks import Webhook

from perfkit.catalog import parse_limits
from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Budget, CodeLocation, Evidence, Metric
from perfkit.model.violation import as_record
from perfkit.sinks.builtin.webhook import WebhookSink, signature
from perfkit.sinks.delivery.layer import supports_batch
from perfkit.sinks.redaction import Interpolated
from perfkit.sinks.template import Template, fact_names, facts_of
from tests.receivers.webhook import WebhookReceiver, answer
from tests.sinks.violations import make_violation

KEY = b"a key of more than twenty-four bytes"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def sink_for(receiver: WebhookReceiver, **options: Any) -> WebhookSink:
    return WebhookSink(receiver.url, **{"timeout": 20.0, **options})


# The usual shape.


def test_a_violation_is_posted_as_its_record(receiver: WebhookReceiver) -> None:
    violation = make_violation(evidence=(Evidence(kind="cpu", rows=({"function": "f"},)),))
    sink_for(receiver).emit(violation)
    (request,) = receiver.requests
    assert request.json() == {"violations": [as_record(violation)]}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("perfkit/")


def test_many_violations_are_one_post(receiver: WebhookReceiver) -> None:
    sink_for(receiver).emit_many([make_violation(value=value) for value in (0.4, 0.5, 0.6)])
    assert [record["value"] for record in receiver.records()] == [0.4, 0.5, 0.6]
    assert len(receiver.requests) == 1


def test_what_json_cannot_hold_arrives_as_text(receiver: WebhookReceiver) -> None:
    evidence = Evidence(kind="x", rows=({"type": CodeLocation(function="f")},))
    name = "lo\udcffad \u00e9"
    sink_for(receiver).emit(
        make_violation(budget=Budget(name=name), value=float("inf"), evidence=(evidence,))
    )
    (record,) = receiver.records()
    assert (record["budget"], record["value"]) == (name, "Infinity")
    assert record["evidence"][0]["rows"] == [{"type": "f"}]
    assert receiver.requests[0].body.isascii()


# A shape of one's own.


def test_placeholders_stand_for_facts_wherever_a_text_is(receiver: WebhookReceiver) -> None:
    body = {
        "text": "{severity}: {sentence}",
        "blocks": [{"name": "{budget}"}, "{value_text} of {target_text}, {threshold_text}"],
        "raw": ("{value}", "{critical}", "{line}", "{trace_id}"),
        "fixed": [1, 2.5, True, None],
        "{budget}": "{{literally}}",
    }
    violation = make_violation()
    sink_for(receiver, body=body).emit(violation)
    assert receiver.requests[0].json() == {
        "text": f"critical: {violation.describe()}",
        "blocks": [{"name": "load"}, "412 ms of 100 ms, 300 ms"],
        "raw": ["0.412", "true", "7", "0" * 31 + "1"],
        "fixed": [1, 2.5, True, None],
        "{budget}": "{literally}",
    }


def test_facts_come_in_the_unit_of_the_metric() -> None:
    limit = parse_limits(Metric.MEMORY_PEAK, ("50MB", "100MB"))[0]
    facts = facts_of(make_violation(limit=limit, value=123e6))
    assert (facts["value_text"], facts["threshold_text"]) == ("123 MB", "100 MB")


def test_every_fact_of_a_violation_has_a_placeholder() -> None:
    record = as_record(make_violation())
    assert set(record) - {"evidence"} < set(fact_names())
    assert set(facts_of(make_violation())) == set(fact_names())


@pytest.mark.parametrize(
    "name",
    ['", "evil": "', "{secret}", "{{budget}}", "{trace_id}", "a\\", "a\nb\x00", "\\u0022", "{"],
)
def test_no_name_breaks_out_of_the_text_that_it_is_in(receiver: WebhookReceiver, name: str) -> None:
    """What a fact says is neither a placeholder nor the end of a string."""
    sink = sink_for(receiver, body={"text": "<{budget}>", "other": "{category}"})
    sink.emit(make_violation(budget=Budget(name=name, category=name)))
    assert receiver.requests[0].json() == {"text": f"<{name}>", "other": name}


def test_with_a_shape_each_violation_is_a_post_of_its_own(receiver: WebhookReceiver) -> None:
    """Layers count what has arrived: of three in one hand nobody knew which, if one failed."""
    sink = sink_for(receiver, body="\u00e9\u2028 {value}")
    sink.emit_many([make_violation(value=value) for value in (0.4, 0.5)])
    assert [each.json() for each in receiver.requests] == ["\u00e9\u2028 0.4", "\u00e9\u2028 0.5"]
    assert (supports_batch(sink), supports_batch(sink_for(receiver))) == (False, True)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            {"a": ["{bugdet}"]},
            r"body\.a\[0\]: unknown placeholder {bugdet}; did you mean {budget}\?",
        ),
        ("{}", "unknown placeholder {}"),
        ("{0}", "unknown placeholder"),
        ("{budget.name}", "unknown placeholder"),
        ("{evidence}", "unknown placeholder"),
        ("{xyzzyx}", "There are time, severity"),
        ("a { b", "write {{ for"),
        ("a } b", "write }} for"),
        ({"a": {1, 2}}, "cannot be written as JSON"),
        ({"a": float("nan")}, "cannot be written as JSON"),
        ([float("-inf")], "cannot be written as JSON"),
        ({1: "a"}, "a key is not a text"),
    ],
    ids=repr,
)
def test_a_shape_that_cannot_be_used_is_an_error_at_once(body: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        WebhookSink("https://example.org", body=body)


def test_all_that_is_wrong_with_a_shape_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Template({"a": "{x} {", "b": {"c": object()}})
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("value", ["{budget}", "{{", "}", 'a"b{c}'])
def test_what_a_variable_holds_is_no_placeholder(receiver: WebhookReceiver, value: str) -> None:
    held = Interpolated([("{budget} {{", False), (value, True), ("}} ", False), (value, True)])
    sink_for(receiver, body={"text": held}).emit(make_violation())
    assert receiver.requests[0].json() == {"text": f"load {{{value}}} {value}"}


def test_what_is_wrong_beside_a_variable_is_told_without_what_it_holds() -> None:
    held = Interpolated(
        [("{", False), ('{"private_key": "s3cr3tKEY"}', True), ("} {bugdet}", False)]
    )
    with pytest.raises(ConfigurationError) as caught:
        WebhookSink("https://example.org", body={"text": held})
    assert "s3cr" not in str(caught.value)
    assert [line.partition("; ")[0] for line in str(caught.value).splitlines()] == [
        "body.text: a single { has no partner",
        "body.text: a single } has no partner",
        "body.text: unknown placeholder {bugdet}",
    ]


# What a receiver quotes.


@pytest.mark.parametrize(
    "key",
    [
        Interpolated([('short/"1', True)]),
        Interpolated([("key=", False), ('short/"1', True)]),
    ],
)
def test_a_receiver_that_quotes_the_body_gives_no_key_away(
    receiver: WebhookReceiver, key: str
) -> None:
    body = {"routing_key": key, "event_action": "trigger", "summary": "{sentence}"}
    sink = sink_for(receiver, body=body)
    sink.emit(make_violation())
    sent = receiver.requests[0].body
    for quoted in (sent, sent.replace(b"/", b"\\/")):
        receiver.then(answer(400, body=b"invalid: " + quoted))
        with pytest.raises(DeliveryError) as caught:
            sink.emit(make_violation())
        assert "***" in str(caught.value)
        assert "trigger" in str(caught.value)
        assert "PDKEY" not in str(caught.value)
        assert "short" not in str(caught.value)


# Signatures.


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), SECRET.rstrip("="), KEY])
def test_a_receiver_can_verify_the_signature(
    receiver: WebhookReceiver, secret: str | bytes
) -> None:
    sink_for(receiver, secret=secret).emit(make_violation(budget=Budget(name="lo\u00e9\udcff")))
    (request,) = receiver.requests
    assert Webhook(secret).verify(request.body, dict(request.headers)) == request.json()


def test_the_signature_covers_the_time() -> None:
    """The figures are those of an HMAC made with the openssl command."""
    assert signature(b"secret", "msg_1", 1_700_000_000, b"{}") == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,A5oIrJxXPB/PkULSoVu0e4khvPiqpF9vljmhkSKg0FI=",
    }


def test_a_second_attempt_has_the_same_id_and_other_violations_and_sinks_have_others(
    receiver: WebhookReceiver,
) -> None:
    receiver.then(answer(503))
    sink, other = (sink_for(receiver, secret=SECRET, body="always the same") for _ in range(2))
    with pytest.raises(DeliveryError):
        sink.emit(make_violation())
    sink.emit(make_violation())
    sink.emit(make_violation(at_ns=1_700_000_000_000_000_001))
    other.emit(make_violation())
    first, again, *others = (each.headers["webhook-id"] for each in receiver.requests)
    assert first == again
    assert len({first, *others}) == 3


def test_without_a_secret_nothing_is_signed(receiver: WebhookReceiver) -> None:
    sink_for(receiver).emit(make_violation())
    assert not any(name.startswith("webhook-") for name in receiver.requests[0].headers)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "not base64!", "c2Vj!cmV0", "whsec_a", "whsec_c2VjcmV0cw", b"", "\u00e9"],
)
def test_a_secret_that_is_none_is_an_error_that_does_not_quote_it(secret: str | bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WebhookSink("https://example.org", secret=secret)
    assert str(caught.value) == (
        'secret: not base64; write secret = "${HOOK_SECRET}" and set it to "whsec_" and '
        "24 to 64 bytes as base64"
    )


def test_no_repr_and_no_failure_gives_a_secret_away(receiver: WebhookReceiver) -> None:
    receiver.always(answer(400, body=b"I know of no Bearer 4711-4711"))
    sink = sink_for(receiver, secret=SECRET, headers={"Authorization": "Bearer 4711-4711"})
    with pytest.raises(DeliveryError) as caught:
        sink.emit(make_violation())
    for secret in (SECRET, KEY.decode(), "/hook", "4711"):
        assert secret not in f"{sink!r} {sink._client!r} {caught.value!r}"
    assert sink.destination == f"http://127.0.0.1:{receiver.port}"
