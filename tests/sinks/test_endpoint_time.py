"""No receiver and no resolver can take longer than the timeout."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from perfkit.sinks.http import addresses as addresses_module
from perfkit.sinks.http.addresses import Address, HostLookup
from perfkit.sinks.http.connection import connect
from perfkit.sinks.http.deadline import Deadline
from perfkit.sinks.http.endpoint import Endpoint
from tests.receivers.webhook import (
    WebhookReceiver,
    never,
    trickle_body,
    trickle_headers,
    trickle_status,
)
from tests.sinks.endpoints import SHORT, endpoint_for, failure_of

LONGER = 1.5


@pytest.mark.parametrize(
    "behaviour",
    [never(), trickle_status(0.05), trickle_headers(0.05), trickle_headers(1.0)],
    ids=["silent", "slow status", "slow headers", "a byte a second"],
)
def test_no_receiver_can_take_longer_than_the_timeout(
    receiver: WebhookReceiver, behaviour: Any
) -> None:
    receiver.always(behaviour)
    failure = failure_of(endpoint_for(receiver, timeout=SHORT))
    assert failure.reason == "timeout"
    assert not failure.is_permanent
    assert f"did not answer within {SHORT:g} s" in str(failure)


def test_a_success_whose_body_never_ends_is_one_still(receiver: WebhookReceiver) -> None:
    """The receiver has said that it has it; to send it again would be twice."""
    receiver.always(trickle_body(200, 0.05))
    endpoint_for(receiver, timeout=LONGER).post(b"{}")


def test_an_error_whose_body_never_ends_is_that_error(receiver: WebhookReceiver) -> None:
    receiver.always(trickle_body(400, 0.05))
    failure = failure_of(endpoint_for(receiver, timeout=LONGER))
    assert failure.reason == "refused"
    assert 'said "x' in str(failure)


def test_a_receiver_that_reads_nothing_cannot_hold_up_what_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        failure = failure_of(Endpoint(url, loopback=True, timeout=SHORT), b"x" * 30_000_000)
    assert failure.reason == "timeout"


def test_a_resolver_that_hangs_holds_up_one_thread_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No resolver that hangs can be made here, so the question to it is replaced."""
    is_over = threading.Event()
    asked = []

    def hang(host: str, port: int) -> list[Address]:
        asked.append(host)
        is_over.wait()
        return []

    monkeypatch.setattr(addresses_module, "ask", hang)
    endpoint = Endpoint("http://example.test", timeout=SHORT)
    threads = threading.active_count()
    assert failure_of(endpoint).reason == "timeout"
    assert failure_of(endpoint).reason == "timeout"
    assert (asked, threading.active_count()) == (["example.test"], threads + 1)
    is_over.set()
    assert endpoint._lookup._asking is not None
    endpoint._lookup._asking.join()


def test_where_no_thread_can_start_the_resolver_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at the exit of the interpreter, which no test can be in."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert HostLookup("localhost", 80).addresses(Deadline(20.0))


def test_the_time_is_shared_among_the_addresses() -> None:
    """The first address of a host may be dead without a word."""
    with closing(_silent_server()) as dead, socket.create_server(("127.0.0.1", 0)) as alive:
        here = Address(family=socket.AF_INET, sockaddr=alive.getsockname())
        there = Address(family=socket.AF_INET, sockaddr=dead.getsockname())
        with connect([there, here], Deadline(2.0)) as connected:
            assert connected.getpeername() == alive.getsockname()


def _silent_server() -> socket.socket:
    """Return a server whose queue is full, so that it answers no more attempts to connect."""
    server = socket.create_server(("127.0.0.1", 0), backlog=0)
    _FILL.extend(_attempt(server.getsockname()) for _ in range(4))
    return server


def _attempt(place: Any) -> socket.socket:
    attempt = socket.socket()
    attempt.settimeout(0)
    attempt.connect_ex(place)
    return attempt


_FILL: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _close_attempts() -> Iterator[None]:
    yield
    while _FILL:
        _FILL.pop().close()


def test_the_time_that_is_left_is_told_until_there_is_none() -> None:
    deadline = Deadline(2.0, now=iter([10.0, 10.5, 12.0]).__next__)
    assert deadline.remaining() == 1.5
    with pytest.raises(TimeoutError):
        deadline.remaining()
