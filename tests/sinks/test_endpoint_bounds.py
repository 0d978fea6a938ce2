"""No receiver can fill the memory or keep the processor busy, whatever it sends around a body."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from perfkit.sinks.http import connection
from tests.receivers.webhook import Behaviour, Exchange, WebhookReceiver
from tests.sinks.endpoints import endpoint_for, failure_of

MOST_READ = 128 * 1024
OFFERED = 4 * 2**20
LONG = b"X-A: " + b"b" * 65_000 + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def flood(head: bytes, repeated: bytes) -> Behaviour:
    """Send `head`, then the same again and again until the client hangs up, or 4 MiB are sent."""

    def behave(exchange: Exchange) -> None:
        exchange.send(head)
        with suppress(OSError):
            for _ in range(OFFERED // len(repeated)):
                exchange.connection.sendall(repeated)

    return behave


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each look at the connection gave."""
    counts: list[int] = []
    original = connection._Incoming.readinto

    def count(incoming: Any, buffer: Any) -> int:
        counts.append(original(incoming, buffer))
        return counts[-1]

    monkeypatch.setattr(connection._Incoming, "readinto", count)
    return counts


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        (OK, LONG),
        (CONTINUE, LONG),
        (b"", CONTINUE + b"\r\n"),
        (b"", (CONTINUE + b"X-A: b\r\n\r\n") * 100),
    ],
    ids=["headers", "headers of a 100", "many times 100", "many times 100 with a header"],
)
def test_headers_without_end_are_given_up(
    receiver: WebhookReceiver, read: list[int], head: bytes, repeated: bytes
) -> None:
    receiver.always(flood(head, repeated))
    failure = failure_of(endpoint_for(receiver))
    assert (failure.reason, failure.is_permanent) == ("failed", False)
    assert "more than 128 KiB of headers" in str(failure)
    assert sum(read) <= MOST_READ


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        (CHUNKED + b"2\r\nok\r\n0\r\n", LONG),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"A: b\r\n"),
        (CHUNKED, b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
        (CHUNKED, b"1\r\nx\r\n"),
    ],
    ids=["long trailers", "many trailers", "long extensions of chunks", "many chunks"],
)
def test_what_was_taken_is_taken_whatever_follows_without_end(
    receiver: WebhookReceiver, read: list[int], head: bytes, repeated: bytes
) -> None:
    """The status says that the receiver has it; to send it again would be twice."""
    receiver.always(flood(head, repeated))
    endpoint_for(receiver).post(b"{}")
    assert sum(read) <= MOST_READ
