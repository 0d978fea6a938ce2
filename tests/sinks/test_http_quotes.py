"""The text of an error response in a failure: its beginning, on one line, without secrets."""

from __future__ import annotations

import base64

import pytest

from perfkit.sinks.http.client import HttpClient
from perfkit.sinks.redaction import Interpolated
from tests.receivers.webhook import WebhookReceiver, answer, hang_up, never, redirect, reset
from tests.sinks.clients import SHORT, TOKEN, client_for, failure_of


def test_of_an_error_only_the_beginning_is_quoted(receiver: WebhookReceiver) -> None:
    receiver.always(answer(400, body=b"  no such channel " + b"z" * 5000))
    text = str(failure_of(client_for(receiver)))
    assert ': "no such channel zzz' in text
    assert text.count("z") <= 200


def test_what_is_quoted_cannot_forge_a_line(receiver: WebhookReceiver) -> None:
    receiver.always(answer(400, body=b"no\r\nCRITICAL forged \x1b[31m \xff " + b"\x00" * 300))
    text = str(failure_of(client_for(receiver)))
    assert text.isprintable()
    assert "\\r\\nCRITICAL" in text
    assert len(text) < 300


def test_a_receiver_that_quotes_the_path_or_a_header_gives_no_secret_away(
    receiver: WebhookReceiver,
) -> None:
    """Many frameworks answer 404 with the path that they do not know."""
    path = f"/services/T0/{TOKEN}?key=k%20{TOKEN}2"
    body = f"Cannot POST {path}; k {TOKEN}2; Bearer {TOKEN}3 {TOKEN}3".encode()
    receiver.always(answer(404, body=body))
    url = f"http://127.0.0.1:{receiver.port}{path}"
    client = HttpClient(url, headers={"Authorization": f"Bearer {TOKEN}3"})
    text = str(failure_of(client))
    assert TOKEN not in text
    assert "Cannot POST ***" in text
    assert "check the path of the url" in text


@pytest.mark.parametrize(
    ("headers", "quoted"),
    [
        ({"X-Key": 'se/cr"et-1'}, 'bad "se\\/cr\\"et-1"'),
        ({"X-Key": "se cr/et+1"}, "bad se+cr%2Fet%2B1"),
        ({"Authorization": "Token token=secret1"}, "bad secret1"),
        ({"Authorization": 'Digest name="us", response="secret1"'}, "bad secret1"),
        ({"Cookie": "a=b; session=secret1,c"}, "bad secret1"),
        ({"Authorization": f"Basic {base64.b64encode(b'user:se1').decode()}"}, "bad user:se1, se1"),
        ({"Authorization": f"basic {base64.b64encode(b'user:se1').decode()}"}, "bad se1"),
        ({"Authorization": "Bearer secret1"}, f"bad {base64.b64encode(b'xsecret1').decode()}"),
    ],
)
def test_a_receiver_that_quotes_a_piece_of_a_header_gives_no_secret_away(
    receiver: WebhookReceiver, headers: dict[str, str], quoted: str
) -> None:
    receiver.always(answer(401, body=quoted.encode()))
    text = str(failure_of(client_for(receiver, headers=headers)))
    assert ': "bad ' in text
    assert "***" in text
    assert not [each for each in ("se1", "cr", "NlY3JldD") if each in text.partition("; check")[0]]


@pytest.mark.parametrize(
    ("credentials", "quoted", "shown"),
    [
        ("Bearer secret1", "no such Bearer: secret1", "no such Bearer: ***"),
        ("Basic a", "no such user", "no such user"),
    ],
)
def test_what_is_no_secret_of_a_header_can_be_read(
    receiver: WebhookReceiver, credentials: str, quoted: str, shown: str
) -> None:
    receiver.always(answer(401, body=quoted.encode()))
    client = client_for(receiver, headers={"Authorization": credentials})
    assert f': "{shown}"' in str(failure_of(client))


def test_a_part_of_the_path_after_a_colon_is_masked(receiver: WebhookReceiver) -> None:
    receiver.always(answer(404, body=b"no bot ABCDEFGHIJK"))
    url = f"http://127.0.0.1:{receiver.port}/bot12345:ABCDEFGHIJK/send"
    assert "no bot ***" in str(failure_of(HttpClient(url)))


def test_what_a_variable_holds_is_masked_however_short_but_for_the_host(
    receiver: WebhookReceiver,
) -> None:
    receiver.always(answer(404, body=b"no abcd at 127.0.0.1"))
    parts = [("http://", False), ("127.0.0.1", True), (f":{receiver.port}/x", False)]
    url = Interpolated([*parts, ("abcd", True)])
    assert ': "no *** at 127.0.0.1"' in str(failure_of(HttpClient(url)))


def test_no_failure_and_no_repr_says_more_of_the_url_than_where_it_leads(
    receiver: WebhookReceiver,
) -> None:
    url = f"http://127.0.0.1:{receiver.port}/{TOKEN}?{TOKEN}"
    client = HttpClient(url, timeout=SHORT, headers={"X-Key": TOKEN})
    where = f"http://127.0.0.1:{receiver.port}"
    assert client.destination == where
    assert TOKEN not in repr(client)
    receiver.then(answer(400), redirect(url), never(), reset(), hang_up(b"nonsense"))
    for _ in range(5):
        failure = failure_of(client)
        assert TOKEN not in f"{failure!r}{failure.__cause__!r}{failure.args}"


def test_urllib3_logs_no_secret_meanwhile(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG it logs each path, and at WARNING the URL of a response with odd headers."""
    caplog.set_level(1)
    receiver.then(hang_up(b"HTTP/1.1 200 OK\r\nodd header\r\n\r\n"))
    HttpClient(f"http://127.0.0.1:{receiver.port}/{TOKEN}?{TOKEN}").post(b"{}")
    assert {"DEBUG", "WARNING"} <= {record.levelname for record in caplog.records}
    assert TOKEN not in caplog.text
