"""Read a URL, and say of it only what is no secret."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen

from perfkit.errors import ConfigurationError

_PORTS: Final = {"http": 80, "https": 443}
_SHORTEST_SECRET: Final = 6


@frozen(kw_only=True)
class Place:
    """Where a POST goes.

    Args:
        scheme: ``"http"`` or ``"https"``.
        host: A name in ASCII or an address, without brackets.
        port: From 1 to 65535.
        target: Path and query, which may hold a token; never shown.
    """

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)

    @property
    def destination(self) -> str:
        """What may be said of it: scheme, host and port."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """The value of the Host header, without the port where it is the usual one."""
        is_usual = self.port == _PORTS[self.scheme]
        return _bracketed(self.host) + ("" if is_usual else f":{self.port}")

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.scheme == "https"

    @property
    def secrets(self) -> frozenset[str]:
        """What of it a receiver may quote and nobody should read: the target, and its parts."""
        parts = {
            part for part in re.split(r"[/?&=;:,@]", self.target) if len(part) >= _SHORTEST_SECRET
        }
        whole = {self.target} if len(self.target) >= _SHORTEST_SECRET else set()
        return frozenset(whole | parts | {unquote(part) for part in whole | parts})


def read_url(url: str) -> Place:
    """Return the place that `url` names.

    Raises:
        ConfigurationError: If nothing can be sent there. The message quotes nothing of the URL,
            which may hold a token.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigurationError(
            "the url cannot be used; write one such as https://example.org/hook"
        )
    if "@" in parts.netloc:
        raise ConfigurationError(
            "the url holds a user name or a password; write them into headers, such as "
            'headers = { Authorization = "Basic ..." }'
        )
    host, port = _host_of(parts), _port_of(parts)
    if host is None:
        raise ConfigurationError("the url names no possible host; write one such as example.org")
    if port is None:
        raise ConfigurationError("the port of the url is none; write one from 1 to 65535")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii():
        raise ConfigurationError(
            "the path of the url has characters beyond ASCII; write them percent-encoded"
        )
    return Place(scheme=parts.scheme, host=host, port=port, target=target)


def _split(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url:  # urlsplit would drop some of these without a word
        return None
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _host_of(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    if ":" in host:
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _port_of(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        return None
    return _PORTS[parts.scheme] if port is None else port or None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
