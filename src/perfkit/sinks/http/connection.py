"""Connect, and send one request over it, all within one deadline.

`http.client` gives each wait a time of its own, so a server that sends a byte a second holds it for
ever. Here each wait is given the time that is left of the whole.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, cast

from attrs import frozen

from perfkit.sinks.http.addresses import Address
from perfkit.sinks.http.deadline import Deadline
from perfkit.sinks.http.url import Place

MOST_BYTES: Final = 64 * 1024
"""How much of the body of an answer is read."""
MOST_IN_ALL: Final = 128 * 1024
"""How much of an answer is read in all: its headers, what comes before them, and all of a body."""
_AT_ONCE: Final = 16 * 1024


class AnswerTooLong(http.client.HTTPException):
    """An answer is longer than anybody wants to read."""


@frozen(kw_only=True)
class Answer:
    """What came back.

    Args:
        status: Such as 200.
        retry_after: The Retry-After header; empty if there is none.
        body: The beginning of the body, as far as it came in time.
    """

    status: int
    retry_after: str = ""
    body: bytes = b""


def connect(addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
    """Connect to the first of `addresses` that answers; each gets its share of the time.

    Raises:
        OSError: If none answers; that of the last one.
        TimeoutError: If the last one takes too long.
    """
    *others, last = addresses
    for tried, address in enumerate(others):
        with suppress(OSError):
            return _connect_to(address, deadline.remaining() / (len(addresses) - tried))
    return _connect_to(last, deadline.remaining())


def _connect_to(address: Address, seconds: float) -> socket.socket:
    plain = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        plain.settimeout(seconds)
        plain.connect(address.sockaddr)
        # Headers and body are sent apart; neither should wait for the other's acknowledgement.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        plain.close()
        raise
    return plain


def secure(
    plain: socket.socket, context: ssl.SSLContext, host: str, deadline: Deadline
) -> ssl.SSLSocket:
    """Speak TLS over a connection from now on; closes it where that fails.

    Raises:
        ssl.SSLError: If the certificate is not good, or the other side speaks no TLS.
        OSError: If the connection breaks.
    """
    with plain:
        secured = context.wrap_socket(
            plain, server_hostname=host.rstrip("."), do_handshake_on_connect=False
        )
    try:
        secured.settimeout(deadline.remaining())
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured


def exchange(
    connected: socket.socket,
    place: Place,
    headers: Mapping[str, str],
    body: bytes,
    deadline: Deadline,
) -> Answer:
    """Send a POST over a connection, and return the answer.

    Raises:
        http.client.HTTPException: If what comes back is no HTTP.
        AnswerTooLong: If `MOST_IN_ALL` has come, and the headers have not ended.
        OSError: If the connection breaks before the headers of an answer have come.
        TimeoutError: If they have not come in time.
    """
    connection = http.client.HTTPConnection(place.host, place.port)
    # It asks of a socket what a _BoundedSocket has.
    connection.sock = cast("socket.socket", _BoundedSocket(connected, deadline))
    # A server may answer and close before it has read everything, as it does with 413.
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        connection.request("POST", place.target, body=body, headers=dict(headers))
    response = connection.getresponse()
    with response:
        return Answer(
            status=response.status,
            retry_after=response.headers.get("Retry-After", ""),
            body=_beginning(response),
        )


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """Return what comes of the body in time. What the server decided is known without it."""
    read = bytearray()
    with suppress(OSError, http.client.HTTPException):
        while len(read) < MOST_BYTES and (part := response.read1(MOST_BYTES - len(read))):
            read += part
    return bytes(read)


class _BoundedSocket:
    """A connected socket, whose every wait ends with the deadline, and that gives only so much."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._connected = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send `data`. That of an SSL socket has no time limit over all its parts."""
        left = memoryview(data)
        while left:
            self._connected.settimeout(self._deadline.remaining())
            left = left[self._connected.send(left[:_AT_ONCE]) :]

    def makefile(self, _: str) -> io.BufferedReader:
        """Return a file that reads what comes."""
        return io.BufferedReader(_Incoming(self._connected, self._deadline))

    def close(self) -> None:
        """Leave that to whoever opened it: the body may still be to be read."""


class _Incoming(io.RawIOBase):
    """What comes, up to `MOST_IN_ALL`: `http.client` bounds neither headers nor what is around."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._connected = connected
        self._deadline = deadline
        self._left = MOST_IN_ALL

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        if not self._left:
            raise AnswerTooLong
        self._connected.settimeout(self._deadline.remaining())
        count = self._connected.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count
