"""A real HTTP server on loopback that keeps what it is sent, and misbehaves when told to.

    with WebhookReceiver() as receiver:
        receiver.then(answer(503, {"Retry-After": "2"}), reset())   # for the next two requests
        ...                                                         # anything after them gets a 200
        receiver.requests[0].json()

A behaviour is a function of the `Exchange` that it is to answer; the ones here cover what real
networks do. `WebhookReceiver.always` sets what is done where nothing else was said.
"""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import field, frozen

from tests.receivers.certificates import Certificate
from tests.receivers.closing import Closing

Behaviour = Callable[["Exchange"], object]
_POLL_SECONDS = 0.01


@frozen(kw_only=True)
class Request:
    """What a sink sent.

    Args:
        path: With the query.
        headers: By name in lower case.
        body: As it came.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return what the body says."""
        return json.loads(self.body)


@frozen(kw_only=True)
class Exchange:
    """A request that waits for its answer."""

    request: Request
    connection: socket.socket
    is_closing: threading.Event = field(repr=False)

    def send(self, data: bytes) -> None:
        """Send `data`; whoever has hung up is forgiven."""
        with suppress(OSError):
            self.connection.sendall(data)

    def trickle(self, data: bytes, pause: float) -> None:
        """Send `data` byte by byte until all is sent, the other side hangs up or the test ends."""
        for index in range(len(data)):
            try:
                self.connection.sendall(data[index : index + 1])
            except OSError:
                return
            if self.is_closing.wait(pause):
                return


def answer(
    status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"ok"
) -> Behaviour:
    """Answer at once, as a well-behaved server does."""
    return lambda exchange: exchange.send(_head(status, len(body), headers) + body)


def redirect(to: str, status: int = 307) -> Behaviour:
    """Send the client elsewhere."""
    return answer(status, {"Location": to}, b"")


def never() -> Behaviour:
    """Do not answer, and do not hang up."""
    return lambda exchange: exchange.is_closing.wait()


def trickle_headers(pause: float = 1.0) -> Behaviour:
    """Send a status line, then headers without end, a byte each `pause` seconds."""

    def behave(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        exchange.trickle(b"X-Slow: yes\r\n" * 90, pause)

    return behave


def trickle_status(pause: float = 1.0) -> Behaviour:
    """Send the status line itself a byte each `pause` seconds."""
    return lambda exchange: exchange.trickle(_head(200, 0), pause)


def trickle_body(status: int = 200, pause: float = 1.0) -> Behaviour:
    """Send good headers, then the body a byte each `pause` seconds."""

    def behave(exchange: Exchange) -> None:
        exchange.send(_head(status, 4000))
        exchange.trickle(b"x" * 4000, pause)

    return behave


def reset(after: bytes = b"") -> Behaviour:
    """Break the connection with a TCP reset, after some bytes of an answer."""

    def behave(exchange: Exchange) -> None:
        exchange.send(after)
        linger = struct.pack("ii", 1, 0)
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        exchange.connection.close()

    return behave


def hang_up(after: bytes = b"") -> Behaviour:
    """Close the connection in good order, after some bytes of an answer."""
    return lambda exchange: exchange.send(after)


def endless_body(status: int = 200, megabytes: int = 64) -> Behaviour:
    """Send a body that is far larger than anybody wants; stops when the client hangs up."""

    def behave(exchange: Exchange) -> None:
        exchange.send(_head(status, megabytes * 2**20))
        for _ in range(megabytes * 16):
            try:
                exchange.connection.sendall(b"y" * 2**16)
            except OSError:
                return

    return behave


class WebhookReceiver(Closing):
    """Serves on a free port of loopback, from when it is made until it is closed.

    A request is there to read before it is answered: what a sink has delivered has been kept.

    Args:
        certificate: Speak TLS with it; None means plain HTTP.
        port: None means a free one; give one to come back where another has been.
    """

    def __init__(self, certificate: Certificate | None = None, port: int | None = None) -> None:
        self._scheme = "http" if certificate is None else "https"
        self._arrived = threading.Condition()
        self._requests: list[Request] = []
        self._next: deque[Behaviour] = deque()
        self._otherwise: Behaviour = answer()
        self._is_closing = threading.Event()
        self._server = _Server(self, certificate, port or 0)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"{self._scheme}://127.0.0.1:{self.port}/hook"

    @property
    def requests(self) -> list[Request]:
        """Everything that came, in order."""
        with self._arrived:
            return list(self._requests)

    def records(self) -> list[dict[str, Any]]:
        """Return the records of all violations that came in the default shape."""
        return [record for each in self.requests for record in each.json()["violations"]]

    def then(self, *behaviours: Behaviour) -> None:
        """Do these, one for each of the next requests."""
        with self._arrived:
            self._next.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """Do this for each request for which nothing else was said."""
        with self._arrived:
            self._otherwise = behaviour

    def wait_for(self, count: int, timeout: float = 20.0) -> list[Request]:
        """Return everything that came, once that is at least `count` requests.

        Raises:
            TimeoutError: If they have not come after `timeout` seconds.
        """
        end = time.monotonic() + timeout
        with self._arrived:
            while len(self._requests) < count:
                if not self._arrived.wait(max(0.0, end - time.monotonic())):
                    raise TimeoutError(f"{len(self._requests)} of {count} requests came in time")
            return list(self._requests)

    def close(self) -> None:
        """End, with every connection that is still open."""
        self._is_closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, request: Request, connection: socket.socket) -> None:
        with self._arrived:
            self._requests.append(request)
            behave = self._next.popleft() if self._next else self._otherwise
            self._arrived.notify_all()
        behave(Exchange(request=request, connection=connection, is_closing=self._is_closing))


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them, so that a test leaves none behind
    request_queue_size = 128

    def __init__(
        self, receiver: WebhookReceiver, certificate: Certificate | None, port: int
    ) -> None:
        self.receiver = receiver
        self._context = None if certificate is None else certificate.server_context()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking any resolver for the name of loopback, as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS in the thread of the connection, so that a bad client holds up nobody."""
        if self._context is not None:
            request = self._context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            if self._context is not None:
                request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: clients that hang up and refuse certificates are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 20.0

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        request = Request(
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        self.close_connection = True
        self.server.receiver._take(request, self.connection)

    def log_message(self, *_: Any) -> None:
        pass


def _head(status: int, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    return "".join(_head_lines(status, length, headers or {})).encode("latin-1")


def _head_lines(status: int, length: int, headers: Mapping[str, str]) -> Iterator[str]:
    known = {each.value: each.phrase for each in HTTPStatus}
    yield f"HTTP/1.1 {status} {known.get(status, 'Unknown')}\r\n"
    for name, value in {"Content-Length": str(length), "Connection": "close", **headers}.items():
        yield f"{name}: {value}\r\n"
    yield "\r\n"


def closed_port() -> int:
    """Return a port of loopback where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
