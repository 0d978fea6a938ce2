"""A POST over HTTP: requests, responses, quotes without secrets, broken connections, timeouts."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from perfkit.sinks.http import client as client_module
from perfkit.sinks.http.client import HttpClient, user_agent
from tests.processes import fork
from tests.receivers.webhook import (
    WebhookReceiver,
    answer,
    closed_port,
    endless_body,
    hang_up,
    never,
    redirect,
    reset,
    trickle_body,
)
from tests.sinks.clients import SHORT, TOKEN, client_for, failure_of

# What arrives.


def test_the_body_arrives_with_path_query_and_headers(receiver: WebhookReceiver) -> None:
    client = HttpClient(f"{receiver.url}/a%20b?c=d#e", headers={"Authorization": "Bearer x"})
    client.post(b'{"a": 1}', {"Content-Type": "application/json"})
    (request,) = receiver.requests
    assert request.path == "/hook/a%20b?c=d"
    assert request.json() == {"a": 1}
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["user-agent"] == user_agent()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer x"


def test_headers_of_the_place_beat_those_of_a_post(receiver: WebhookReceiver) -> None:
    client = client_for(receiver, headers={"user-agent": "us", "content-type": "a/b"})
    client.post(b"", {"Content-Type": "c/d"})
    headers = receiver.requests[0].headers
    assert (headers["user-agent"], headers["content-type"]) == ("us", "a/b")


def test_posts_from_many_threads_all_arrive_whole(receiver: WebhookReceiver) -> None:
    client = client_for(receiver)
    bodies = [bytes([65 + index]) * 50_000 for index in range(8)]
    threads = [threading.Thread(target=client.post, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(request.body for request in receiver.requests) == bodies


@pytest.mark.parametrize(
    "behaviour",
    [
        answer(201),
        answer(204, body=b""),
        endless_body(200),
        trickle_body(200, 0.05),
        hang_up(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
    ],
    ids=range(5),
)
def test_any_success_is_one_without_its_body(
    receiver: WebhookReceiver, behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver has accepted it; to send it again would be twice."""
    monkeypatch.delattr(client_module, "_read")
    receiver.always(behaviour)
    client_for(receiver).post(b"{}")


# What the receiver says.


PERMANENT = (304, 400, 401, 404, 410, 413)


@pytest.mark.parametrize("status", [*PERMANENT, 103, 408, 425, 429, 500, 502, 503, 504, 599, 700])
def test_a_status_says_whether_to_try_again(receiver: WebhookReceiver, status: int) -> None:
    receiver.always(answer(status))
    failure = failure_of(client_for(receiver))
    assert failure.is_permanent is (status in PERMANENT)
    assert failure.is_too_large is (status == 413)
    assert failure.reason == "refused"
    assert f"responded with {status}" in str(failure)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(receiver: WebhookReceiver, status: int) -> None:
    with WebhookReceiver() as elsewhere:
        receiver.always(redirect(elsewhere.url, status))
        failure = failure_of(client_for(receiver, headers={"Authorization": TOKEN}))
        assert elsewhere.requests == []
        assert str(elsewhere.port) not in str(failure)
    assert failure.is_permanent
    assert "write the final address" in str(failure)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "7", 7.0),
        (503, " 0 ", 0.0),
        (503, "86400", 3600.0),
        (429, "9" * 20, 3600.0),
        (503, "Tue, 14 Nov 2023 22:13:20 GMT", 0.0),
        (500, "7", None),
    ],
)
def test_retry_after_is_heeded_up_to_an_hour(
    receiver: WebhookReceiver, status: int, header: str, seconds: float | None
) -> None:
    receiver.always(answer(status, {"Retry-After": header}))
    assert failure_of(client_for(receiver)).retry_after == seconds


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
    assert failure_of(client_for(receiver)).retry_after is None


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_can_be_a_date(receiver: WebhookReceiver, zone: str) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)
    receiver.always(answer(503, {"Retry-After": when.replace("GMT", zone)}))
    seconds = failure_of(client_for(receiver)).retry_after
    assert seconds is not None
    assert 1000 < seconds <= 1800


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
        failure = failure_of(HttpClient(url), b"x" * 30_000_000)
        thread.join()
    assert failure.is_too_large


# The body of an answer.


def test_of_a_huge_error_little_is_read(
    receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    original = client_module._read
    monkeypatch.setattr(
        client_module, "_read", lambda *its: read.append(original(*its)) or read[-1]
    )
    receiver.always(endless_body(500))
    failure_of(client_for(receiver))
    assert list(map(len, read)) == [16 * 1024]


def test_a_chunked_answer_is_read_and_capped_too(receiver: WebhookReceiver) -> None:
    head = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    receiver.then(
        hang_up(head + b"5\r\nhello\r\n0\r\n\r\n"),
        hang_up(head + b"5\r\nhel"),
        hang_up(head + b"z"),
    )
    assert ': "hello"' in str(failure_of(client_for(receiver)))
    for _ in range(2):
        assert "responded with 500" in str(failure_of(client_for(receiver)))


# Timeouts.


def test_a_receiver_that_does_not_answer_costs_the_timeout(receiver: WebhookReceiver) -> None:
    receiver.always(never())
    failure = failure_of(client_for(receiver, timeout=SHORT))
    assert (failure.reason, failure.is_permanent) == ("timeout", False)
    assert f"did not respond within {SHORT:g} s" in str(failure)


def test_a_receiver_that_reads_nothing_costs_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        failure = failure_of(HttpClient(url, timeout=SHORT), b"x" * 30_000_000)
    assert failure.reason == "timeout"


def test_an_error_whose_body_never_ends_is_that_error(receiver: WebhookReceiver) -> None:
    receiver.always(trickle_body(400, 0.05))
    failure = failure_of(client_for(receiver, timeout=1.5))
    assert failure.reason == "refused"
    assert ': "x' in str(failure)


# Broken connections.


def test_where_nothing_listens_nothing_is_reached() -> None:
    failure = failure_of(HttpClient(f"http://127.0.0.1:{closed_port()}"))
    assert (failure.reason, failure.is_permanent) == ("unreachable", False)
    assert "refused" in str(failure).lower()


def test_a_name_that_nobody_knows_is_not_reached() -> None:
    failure = failure_of(HttpClient("http://nobody.invalid"))
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
    failure = failure_of(client_for(receiver))
    assert (failure.reason, failure.is_permanent) == ("failed", False)
    assert "OpenSSH" not in str(failure)
    assert "bbbb" not in str(failure)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_child_of_a_fork_can_post(receiver: WebhookReceiver) -> None:
    client = HttpClient(f"http://localhost:{receiver.port}", timeout=20.0)
    client.post(b"parent")
    assert fork(lambda: client.post(b"child")) == 0
    assert [request.body for request in receiver.requests] == [b"parent", b"child"]
