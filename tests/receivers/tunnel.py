"""A real proxy on loopback that answers CONNECT, and leads each tunnel to one port."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress

from tests.receivers.closing import Closing


class Tunnel(Closing):
    """Serves until it is closed.

    Args:
        port: Of loopback, where each tunnel leads, whichever host it is for.
    """

    def __init__(self, port: int) -> None:
        self.targets: list[str] = []
        self._port = port
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        """The URL for variables such as ``HTTPS_PROXY``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End, once the tunnels have been closed by their clients."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self, client: socket.socket) -> None:
        """Read one CONNECT, and copy bytes in both directions after it."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.targets.append(head.split()[1].decode())
        with socket.create_connection(("127.0.0.1", self._port)) as receiver:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(receiver, client))
            back.start()
            _copy(client, receiver)
            back.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False

    def __init__(self, tunnel: Tunnel) -> None:
        self.tunnel = tunnel
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.tunnel.serve(self.request)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
