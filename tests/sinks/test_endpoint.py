"""One POST to one place: what arrives, what is refused, and what nobody gets to read."""

from __future__ import annotations

import base64
import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from perfkit.sinks.http import endpoint as endpoint_module
from perfkit.sinks.http.endpoint import Endpoint, user_agent
from perfkit.sinks.http.url import read_url
from perfkit.sinks.redaction.redactor import Interpolated
from tests.receivers.webhook import (
    WebhookReceiver,
    answer,
    closed_port,
    endless_body,
    hang_up,
    never,
    redirect,
    reset,
)
from tests.sinks.endpoints import SHORT, TOKEN, endpoint_for, failure_of

LONGER = 1.5


# What arrives.


def test_the_body_arrives_with_path_query_and_headers(receiver: WebhookReceiver) -> None:
    endpoint = Endpoint(
        f"{receiver.url}/a%20b?c=d#e", loopback=True, headers={"Authorization": "Bearer x"}
    )
    endpoint.post(b'{"a": 1}', {"Content-Type": "application/json"})
    (request,) = receiver.requests
    assert request.path == "/hook/a%20b?c=d"
    assert request.json() == {"a": 1}
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["user-agent"] == user_agent()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer x"


def test_headers_of_the_place_beat_those_of_a_post(receiver: WebhookReceiver) -> None:
    endpoint = endpoint_for(receiver, headers={"user-agent": "us", "content-type": "a/b"})
    endpoint.post(b"", {"Content-Type": "c/d"})
    headers = receiver.requests[0].headers
    assert (headers["user-agent"], headers["content-type"]) == ("us", "a/b")


def test_posts_from_many_threads_all_arrive_whole(receiver: WebhookReceiver) -> None:
    endpoint = endpoint_for(receiver)
    bodies = [bytes([65 + index]) * 50_000 for index in range(8)]
    threads = [threading.Thread(target=endpoint.post, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(request.body for request in receiver.requests) == bodies


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(receiver: WebhookReceiver, status: int) -> None:
    receiver.always(answer(status, body=b""))
    endpoint_for(receiver).post(b"{}")


# What the receiver says.


@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [
        (103, False),
        (304, True),
        (400, True),
        (401, True),
        (404, True),
        (408, False),
        (410, True),
        (413, True),
        (425, False),
        (429, False),
        (500, False),
        (502, False),
        (503, False),
        (504, False),
        (599, False),
        (700, False),
    ],
)
def test_a_status_says_whether_to_try_again(
    receiver: WebhookReceiver,
    status: int,
    is_permanent: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    receiver.always(answer(status))
    failure = failure_of(endpoint_for(receiver))
    assert failure.is_permanent is is_permanent
    assert failure.is_too_large is (status == 413)
    assert failure.reason == "refused"
    assert f"answered {status}" in str(failure)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(receiver: WebhookReceiver, status: int) -> None:
    with WebhookReceiver() as elsewhere:
        receiver.always(redirect(elsewhere.url, status))
        failure = failure_of(endpoint_for(receiver, headers={"Authorization": TOKEN}))
        assert elsewhere.requests == []
        assert str(elsewhere.port) not in str(failure)
    assert failure.is_permanent
    assert "write the final address" in str(failure)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (" 0 ", 0.0), ("86400", 3600.0), ("9" * 20, 3600.0)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded_up_to_an_hour(
    receiver: WebhookReceiver, status: int, header: str, seconds: float
) -> None:
    receiver.always(answer(status, {"Retry-After": header}))
    assert failure_of(endpoint_for(receiver)).retry_after == seconds


@pytest.mark.parametrize(
    "header",
    [
        "soon",
        "-1",
        "1e9",
        "nan",
        "\u0664",
        "9" * 40,
        "Tue, 99 Foo 2023 00:00:00 GMT",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2023 99999999999:00:00 GMT",
        "Mon, 01 Jan 2023 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2023 00:00:00 -9999",
    ],
)
def test_nonsense_in_retry_after_is_nothing(receiver: WebhookReceiver, header: str) -> None:
    receiver.always(answer(429, {"Retry-After": header.encode().decode("latin-1")}))
    assert failure_of(endpoint_for(receiver)).retry_after is None


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_can_be_a_date(receiver: WebhookReceiver, zone: str) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)
    receiver.always(answer(503, {"Retry-After": when.replace("GMT", zone)}))
    seconds = failure_of(endpoint_for(receiver)).retry_after
    assert seconds is not None
    assert 1000 < seconds <= 1800


def test_a_date_that_is_over_means_now(receiver: WebhookReceiver) -> None:
    receiver.always(answer(503, {"Retry-After": "Tue, 14 Nov 2023 22:13:20 GMT"}))
    assert failure_of(endpoint_for(receiver)).retry_after == 0.0


def test_retry_after_with_another_status_means_nothing(receiver: WebhookReceiver) -> None:
    receiver.always(answer(500, {"Retry-After": "7"}))
    assert failure_of(endpoint_for(receiver)).retry_after is None


def test_an_answer_that_comes_before_all_is_sent_counts() -> None:
    """As a server does that refuses a large body by its length alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        failure = failure_of(Endpoint(url, loopback=True), b"x" * 30_000_000)
        thread.join()
    assert failure.is_too_large


# What is quoted.


def test_of_an_error_only_the_beginning_is_quoted(receiver: WebhookReceiver) -> None:
    receiver.always(answer(400, body=b"  no such channel " + b"z" * 5000))
    text = str(failure_of(endpoint_for(receiver)))
    assert 'said "no such channel zzz' in text
    assert text.count("z") <= 200


def test_what_is_quoted_cannot_forge_a_line(receiver: WebhookReceiver) -> None:
    receiver.always(answer(400, body=b"no\r\nCRITICAL forged \x1b[31m \xff " + b"\x00" * 300))
    text = str(failure_of(endpoint_for(receiver)))
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
    endpoint = Endpoint(url, loopback=True, headers={"Authorization": f"Bearer {TOKEN}3"})
    text = str(failure_of(endpoint))
    assert TOKEN not in text
    assert "Cannot POST ***" in text
    assert "check the path of the url" in text


@pytest.mark.parametrize(
    ("headers", "quoted"),
    [
        ({"X-Key": 'se/cr"et-1'}, 'bad \\"se\\/cr\\\\\\"et-1\\"'),
        ({"X-Key": "se'cr&et<1>"}, "bad se&#39;cr&amp;et&lt;1&gt;"),
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
    text = str(failure_of(endpoint_for(receiver, headers=headers)))
    assert 'said "bad ' in text
    assert "***" in text
    assert not [each for each in ("se1", "cr", "NlY3JldD") if each in text.partition("; check")[0]]


def test_the_word_before_the_credentials_can_be_read(receiver: WebhookReceiver) -> None:
    receiver.always(answer(401, body=b"no such Bearer: secret1"))
    endpoint = endpoint_for(receiver, headers={"Authorization": "Bearer secret1"})
    assert 'said "no such Bearer: ***"' in str(failure_of(endpoint))


def test_a_header_that_is_no_basic_after_all_is_no_trouble(receiver: WebhookReceiver) -> None:
    receiver.always(answer(401, body=b"no such user"))
    endpoint = endpoint_for(receiver, headers={"Authorization": "Basic a"})
    assert 'said "no such user"' in str(failure_of(endpoint))


def test_a_part_of_the_path_after_a_colon_is_masked(receiver: WebhookReceiver) -> None:
    receiver.always(answer(404, body=b"no bot ABCDEFGHIJK"))
    url = f"http://127.0.0.1:{receiver.port}/bot12345:ABCDEFGHIJK/send"
    assert "no bot ***" in str(failure_of(Endpoint(url, loopback=True)))


def test_what_a_variable_holds_is_masked_however_short_but_for_the_host(
    receiver: WebhookReceiver,
) -> None:
    receiver.always(answer(404, body=b"no abcd at 127.0.0.1"))
    parts = [("http://", False), ("127.0.0.1", True), (f":{receiver.port}/x", False)]
    url = Interpolated([*parts, ("abcd", True)])
    assert 'said "no *** at 127.0.0.1"' in str(failure_of(Endpoint(url, loopback=True)))


def test_no_failure_and_no_repr_says_more_of_the_url_than_where_it_leads(
    receiver: WebhookReceiver,
) -> None:
    url = f"http://127.0.0.1:{receiver.port}/{TOKEN}?{TOKEN}"
    endpoint = Endpoint(url, loopback=True, timeout=SHORT, headers={"X-Key": TOKEN})
    where = f"http://127.0.0.1:{receiver.port}"
    assert endpoint.destination == where
    assert repr(endpoint) == f"Endpoint({where})"
    assert TOKEN not in repr(read_url(url))
    receiver.then(answer(400), redirect(url), never(), reset(), hang_up(b"nonsense"))
    for _ in range(5):
        failure = failure_of(endpoint)
        assert TOKEN not in f"{failure!r}{failure.__cause__!r}{failure.args}"


# The body of an answer.


@pytest.mark.parametrize("status", [200, 500])
def test_of_a_huge_answer_little_is_read(
    receiver: WebhookReceiver, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = endpoint_module.failure_of

    def look(answer: Any, *rest: Any) -> Any:
        seen.append(len(answer.body))
        return original(answer, *rest)

    monkeypatch.setattr(endpoint_module, "failure_of", look)
    receiver.always(endless_body(status))
    endpoint = endpoint_for(receiver)
    if status == 200:
        endpoint.post(b"{}")
    else:
        failure_of(endpoint)
    assert seen == [64 * 1024]


def test_a_chunked_answer_is_read_and_capped_too(receiver: WebhookReceiver) -> None:
    head = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    receiver.then(
        hang_up(head + b"5\r\nhello\r\n0\r\n\r\n"),
        hang_up(head + b"5\r\nhel"),
        hang_up(head + b"z"),
    )
    assert 'said "hello"' in str(failure_of(endpoint_for(receiver)))
    for _ in range(2):
        assert "answered 500" in str(failure_of(endpoint_for(receiver)))


# Broken connections.


def test_where_nothing_listens_nothing_is_reached() -> None:
    failure = failure_of(Endpoint(f"http://127.0.0.1:{closed_port()}", loopback=True))
    assert (failure.reason, failure.is_permanent) == ("unreachable", False)
    assert "refused" in str(failure).lower()


def test_a_name_that_nobody_knows_is_not_reached() -> None:
    failure = failure_of(Endpoint("http://nobody.invalid"))
    assert failure.reason in {"unreachable", "timeout"}  # without a network some resolvers hang
    assert not failure.is_permanent
    assert "http://nobody.invalid:80" in str(failure)


@pytest.mark.parametrize(
    "behaviour",
    [
        reset(),
        reset(b"HTTP/1.1 200 OK\r\nX-A: b"),
        hang_up(),
        hang_up(b"HTTP/1.1 2"),
        hang_up(b"SSH-2.0-OpenSSH_9\r\n"),
        hang_up(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200),
        hang_up(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000),
    ],
    ids=range(7),
)
def test_what_breaks_off_or_is_no_http_may_go_better_next_time(
    receiver: WebhookReceiver, behaviour: Any
) -> None:
    receiver.always(behaviour)
    failure = failure_of(endpoint_for(receiver))
    assert (failure.reason, failure.is_permanent) == ("failed", False)
    assert "OpenSSH" not in str(failure)
    assert "bbbb" not in str(failure)


def test_an_answer_that_breaks_off_in_its_body_counts(receiver: WebhookReceiver) -> None:
    receiver.always(hang_up(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
    endpoint_for(receiver).post(b"{}")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_child_of_a_fork_can_post(receiver: WebhookReceiver) -> None:
    endpoint = Endpoint(f"http://localhost:{receiver.port}", loopback=True, timeout=20.0)
    endpoint.post(b"parent")
    child = os.fork()
    if child == 0:
        try:
            endpoint.post(b"child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [request.body for request in receiver.requests] == [b"parent", b"child"]
