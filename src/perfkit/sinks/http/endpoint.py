"""A place that takes POSTs."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Collection, Mapping
from functools import cache, cached_property
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from attrs import evolve

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.sinks.arguments import checked_seconds
from perfkit.sinks.http.addresses import Address, HostLookup, is_address, is_inward, is_link_local
from perfkit.sinks.http.connection import Answer, connect, exchange, secure
from perfkit.sinks.http.credentials import secrets_in_headers
from perfkit.sinks.http.deadline import Deadline
from perfkit.sinks.http.headers import check_headers, merge_headers
from perfkit.sinks.http.responses import failure_of, failure_to_connect, failure_without
from perfkit.sinks.http.url import read_url
from perfkit.sinks.redaction.redactor import Redactor, values_in

_LOOPBACK: Final = "an address of this machine; if that is meant, write loopback = true"
_LINK_LOCAL: Final = "a link-local address, or one where clouds keep credentials; write another"


class Endpoint:
    """Sends POSTs to one place, each bounded in time.

    Certificates are always verified. Redirects are not followed and proxies not used, whatever the
    environment says: both would send violations to where nobody who wrote the url sent them. The
    name is resolved once for each POST, and the connection goes to the very address that was
    checked, so that a name cannot point elsewhere between the two.

    Each POST has a connection of its own: violations are rare, and one that is kept is one more
    thing to break, at a fork or when the other side tires of it. Safe from any thread.

    Args:
        url: With ``https`` or ``http``. Its path and query may hold a token: they are never said.
        headers: Sent with each POST; they replace perfkit's own of the same name.
        timeout: Seconds that a whole POST may take, from the name to the end of the answer.
        loopback: Whether it may go to loopback and unspecified addresses. To link-local ones it
            never goes: there clouds hand out a machine's credentials.
        ca_file: Certificates of the authorities to trust, in a PEM file; None means the system's.
        secrets: What else a receiver may quote and nobody should read, such as keys in bodies.

    Raises:
        ConfigurationError: If something of that cannot be used.
    """

    def __init__(  # noqa: PLR0913 - what there is to say of a place, all by name but the first
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        loopback: bool = False,
        ca_file: str | os.PathLike[str] | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        self._place = read_url(url)
        # Here, as the thread that delivers is to load no module.
        self._own_headers = {"User-Agent": user_agent()}
        self._headers = check_headers(headers or {})
        self._timeout = checked_seconds("timeout", timeout)
        self._may_be_inward = loopback
        self._context = _trust(ca_file) if self._place.is_secure else None
        self._lookup = HostLookup(self._place.host, self._place.port)
        self._check_host()
        self._secrets = frozenset(secrets) | values_in((url, headers))

    @property
    def destination(self) -> str:
        """Where it sends to: scheme, host and port, which are no secret."""
        return self._place.destination

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.destination})"

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send `body`, and return when its receiver has said that it has it.

        An answer that begins with success is one, however slowly the rest of it comes.

        Args:
            body: What to send.
            headers: Sent with it, where the endpoint's own do not say otherwise.

        Raises:
            DeliveryError: If the receiver does not say so in time. The reason is ``"timeout"``,
                ``"unreachable"`` for no connection, ``"refused"`` for an answer that is no
                success or an address that is not allowed, else ``"failed"``.
            ConfigurationError: If a header cannot be sent.
        """
        wanted = merge_headers(self._own_headers, check_headers(headers or {}), self._headers)
        framed = {"Host": self._place.host_header, "Connection": "close", **wanted}
        deadline = Deadline(self._timeout)
        try:
            answer = self._answer_to(body, framed, deadline)
        except (OSError, HTTPException) as error:
            # Without the cause: its text may be anything that the other side has sent.
            raise failure_without(error, self.destination, self._timeout) from None
        failure = failure_of(self._without_secrets(answer), self.destination, ())
        if failure is not None:
            raise failure

    def _answer_to(self, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> Answer:
        with self._connect(deadline) as plain:
            if self._context is None:
                return exchange(plain, self._place, headers, body, deadline)
            with secure(plain, self._context, self._place.host, deadline) as secured:
                return exchange(secured, self._place, headers, body, deadline)

    def _connect(self, deadline: Deadline) -> socket.socket:
        try:
            return connect(self._allowed(self._lookup.addresses(deadline)), deadline)
        except TimeoutError:
            raise
        except OSError as error:
            raise failure_to_connect(error, self.destination) from error

    def _allowed(self, addresses: list[Address]) -> list[Address]:
        allowed = [
            each
            for each in addresses
            if not each.is_link_local and (self._may_be_inward or not each.is_inward)
        ]
        if not allowed:
            is_link_local = all(each.is_link_local for each in addresses)
            raise DeliveryError(
                f"{self.destination} leads to {_LINK_LOCAL if is_link_local else _LOOPBACK}",
                is_permanent=True,
                reason="refused",
            )
        return allowed

    def _check_host(self) -> None:
        host = self._place.host
        if not is_address(host):
            return
        if is_link_local(host):
            raise ConfigurationError(f"{self.destination} is {_LINK_LOCAL}")
        if is_inward(host) and not self._may_be_inward:
            raise ConfigurationError(f"{self.destination} is {_LOOPBACK}")

    def _without_secrets(self, answer: Answer) -> Answer:
        if answer.status // 100 == 2:  # noqa: PLR2004 - success, of which nothing is quoted
            return answer
        text = self._mask(answer.body.decode("utf-8", errors="replace"))
        return evolve(answer, body=text.encode("utf-8", errors="replace"))

    @cached_property
    def _mask(self) -> Redactor:
        told = {value for value in self._secrets if value not in self.destination}
        return Redactor(told | self._place.secrets | secrets_in_headers(self._headers))


@cache
def user_agent() -> str:
    """Return what perfkit calls itself, such as ``"perfkit/1.0"``."""
    try:
        return f"perfkit/{version('perfkit')}"
    except PackageNotFoundError:  # it runs from a folder, without being installed
        return "perfkit"


def _trust(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # also where the file holds no certificate
        raise ConfigurationError(
            f"ca_file cannot be read ({error.strerror or type(error).__name__}); "
            "write the path of a PEM file with certificates"
        ) from error
