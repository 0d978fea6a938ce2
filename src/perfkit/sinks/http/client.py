"""Post to one URL over HTTP, through the proxy that the environment names."""

from __future__ import annotations

import base64
import os
import re
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass

from perfkit.errors import ConfigurationError, MissingExtraError
from perfkit.sinks.arguments import checked_seconds
from perfkit.sinks.redaction import URLLIB3_LOGGERS, Redactor, redacted_logs, values_in, watch

try:
    import urllib3
except ImportError as error:
    raise MissingExtraError("a sink that posts to a URL", "webhook") from error

from perfkit.sinks.http.responses import failure_of_error, failure_of_response

_PORTS: Final = {"http": 80, "https": 443}
_MAX_BODY: Final = 16 * 1024
"""Bytes of the body of a failure that are read; its beginning is quoted."""
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"}
)
_SHORTEST_SECRET: Final = 6
"""Shorter parts of a path or a header are words such as ``bot`` that a reader needs."""
_SCHEMES: Final = frozenset({"apikey", "basic", "bearer", "digest", "token"})

watch(*URLLIB3_LOGGERS)


class HttpClient:
    """Sends POSTs of JSON to one URL, each over a connection of its own.

    Certificates are verified and redirects are not followed. The variables ``HTTP_PROXY``,
    ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` apply, as they are when the client is made.
    Safe from any thread, and in the child of a fork.

    Args:
        url: With ``https`` or ``http``. Path and query may contain a token: no message has them.
        headers: Sent with each POST; they replace perfkit's own of the same name.
        timeout: Seconds for connecting and the time to the response, above 0; also the longest
            wait for the next bytes. The name of the host is resolved before that time begins.
        ca_file: PEM file with the authorities to trust; None means those of the system.
        secrets: Further texts to redact where a receiver quotes them.

    Raises:
        ConfigurationError: If an argument or a proxy variable cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        ca_file: str | os.PathLike[str] | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        self._url = _parse(url)
        self._headers = urllib3.HTTPHeaderDict(
            {"User-Agent": user_agent(), "Content-Type": "application/json", "Connection": "close"}
        )
        self._headers.update(_checked(headers or {}))
        self._timeout = checked_seconds("timeout", timeout)
        trust = {"ssl_context": _trust(ca_file)} if self._url.scheme == "https" else {}
        self._make_pool = partial(_manager_for(self._url), num_pools=1, **trust)
        target = self._url.request_uri
        quotable = _parts_of(target, unquote(target), *(headers or {}).values())
        given = values_in((url, headers)).union(secrets)
        self._redactor = Redactor(
            quotable | {each for each in given if each not in self.destination}
        )

    @property
    def destination(self) -> str:
        """Scheme, host and port, none of which is a secret."""
        port = self._url.port or _PORTS[self._url.scheme or ""]
        return f"{self._url.scheme}://{self._url.host}:{port}"

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send `body`, and return after a response with success.

        Args:
            body: The content.
            headers: Sent with it, unless those of the client replace them.

        Raises:
            DeliveryError: Without such a response in time. The reason is ``"timeout"``,
                ``"unreachable"`` without a connection, ``"refused"`` for another status, else
                ``"failed"``.
        """
        sent = urllib3.HTTPHeaderDict(headers)
        sent.update(self._headers)
        deadline = time.monotonic() + self._timeout
        # A pool for each POST: violations are rare, and an idle connection would be shared with the
        # child of a fork, and is often closed by the receiver before the next POST.
        with redacted_logs(self._redactor), self._make_pool() as pool:
            try:
                response = pool.request(
                    "POST",
                    str(self._url),
                    body=body,
                    headers=sent,
                    timeout=urllib3.Timeout(total=self._timeout),
                    redirect=False,
                    retries=False,
                    preload_content=False,
                )
            except (urllib3.exceptions.HTTPError, OSError) as error:
                # Without the cause: its text may quote anything that the receiver has sent.
                raise failure_of_error(error, self.destination, self._timeout) from None
            # The body of a success is not read: the receiver has the violations, so neither its
            # length nor its pace may turn the delivery into a failure, which would be repeated.
            is_success = response.status // 100 == 2  # noqa: PLR2004 - HTTP's digit for success
            content = b"" if is_success else _read(response, deadline)
            response.close()
        if not is_success:
            text = self._redactor(content.decode("utf-8", errors="replace"))
            retry_after = response.headers.get("Retry-After", "")
            raise failure_of_response(response.status, text, retry_after, self.destination)


def _checked(headers: Mapping[Any, Any]) -> Mapping[str, str]:
    """Return `headers` if they can be sent and do not change the framing of the request.

    A message quotes no value, which may be a secret.
    """
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ConfigurationError(
                f"{str(name)[:50]!r} cannot name a header; write letters, digits and dashes"
            )
        if name.lower() in _RESERVED_HEADERS:
            raise ConfigurationError(f"the header {name} is set by perfkit; leave it out")
        if not isinstance(value, str) or not value.isprintable() or max(value, default="") > "\xff":
            raise ConfigurationError(
                f"the value of the header {name} cannot be sent; write one line of plain text"
            )
    return headers


def user_agent() -> str:
    """Return the User-Agent header of perfkit, such as ``"perfkit/1.0"``."""
    try:
        return f"perfkit/{version('perfkit')}"
    except PackageNotFoundError:  # a frozen application has no metadata of packages
        return "perfkit"


def _parse(url: str) -> urllib3.util.Url:
    """Parse a URL; no message quotes it, as it may contain a token."""
    try:
        # Each label is checked here, as urllib3 would fail at each POST instead.
        parsed = urllib3.util.parse_url(url)
        (parsed.host or "").strip("[]").encode("idna")
    except (urllib3.exceptions.LocationParseError, UnicodeError):
        parsed = urllib3.util.Url()
    is_line = url.isprintable() and " " not in url
    if not is_line or parsed.scheme not in _PORTS or not parsed.host or parsed.port == 0:
        raise ConfigurationError(
            "the url cannot be used; write one such as https://example.org/hook"
        )
    if parsed.auth is not None:
        raise ConfigurationError(
            "the url holds a user name or a password; write them into headers, such as "
            'headers = { Authorization = "Basic ..." }'
        )
    return parsed._replace(fragment=None)


def _trust(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # also for a file without certificates
        raise ConfigurationError(
            f"ca_file cannot be read ({error.strerror or type(error).__name__}); "
            "write the path of a PEM file with certificates"
        ) from error


def _parts_of(*texts: str) -> set[str]:
    """Return the parts of a path or of header values that may be tokens, and the whole texts.

    Of ``Basic`` credentials that includes the decoded password.
    """
    parts = {part for text in texts for part in (text, *re.split(r"[\s/?&=:;,@\"]+", text))}
    found = {
        each for each in parts if len(each) >= _SHORTEST_SECRET and each.lower() not in _SCHEMES
    }
    for text in texts:
        scheme, _, credentials = text.partition(" ")
        if scheme.lower() == "basic":
            with suppress(ValueError):
                pair = base64.b64decode(credentials).decode("utf-8", "replace")
                found |= {pair, pair.partition(":")[2]}
    return found


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """Return the beginning of a body, as far as it arrives in time: the status counts without."""
    read = bytearray()
    with suppress(OSError, urllib3.exceptions.HTTPError):
        while len(read) < _MAX_BODY and time.monotonic() < deadline:
            part = response.read1(_MAX_BODY - len(read), decode_content=False)
            if not part:
                break
            read += part
    return bytes(read)


def _manager_for(url: urllib3.util.Url) -> Callable[..., urllib3.PoolManager]:
    """Return the maker of pools for `url`, through the proxy that the environment names.

    ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` apply as in requests and curl:
    in small letters too, and ``NO_PROXY`` lists hosts, domains, networks such as ``10.0.0.0/8``, or
    ``*``.
    """
    proxies = getproxies_environment()
    name = url.scheme if url.scheme in proxies else "all"
    written = proxies.get(name or "")
    host = (url.host or "").strip("[]")
    if not written or _is_exempt(host, url.port, proxies):
        return urllib3.PoolManager
    try:
        proxy = urllib3.util.parse_url(written if "://" in written else f"http://{written}")
    except urllib3.exceptions.LocationParseError:
        proxy = None
    if proxy is None or proxy.scheme not in _PORTS or not proxy.host:
        raise ConfigurationError(
            f"{str(name).upper()}_PROXY is not the URL of an HTTP proxy; write one such as "
            "http://proxy.example.org:3128, or the host of the url into NO_PROXY"
        )
    # urllib3 ignores credentials in the URL of a proxy.
    headers = urllib3.util.make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else {}
    bare = str(proxy._replace(auth=None, path=None, query=None, fragment=None))
    return partial(urllib3.ProxyManager, bare, proxy_headers=headers)


def _is_exempt(host: str, port: int | None, proxies: Mapping[str, str]) -> bool:
    place = host if port is None else f"{host}:{port}"
    if proxy_bypass(place):
        return True
    # The standard library compares names only, while requests and curl accept networks.
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(_contains(part.strip(), address) for part in proxies.get("no", "").split(","))


def _contains(network: str, address: object) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:  # it is the name of a host
        return False
