"""Find the proxy of a URL in the variables of the environment."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass

from attrs import Factory, frozen
from urllib3.exceptions import LocationParseError
from urllib3.util import make_headers, parse_url

from perfkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.util import Url

_SCHEMES: Final = frozenset({"http", "https"})


@frozen
class Proxy:
    """A proxy for HTTP.

    Args:
        url: Scheme, host and port, without credentials.
        headers: Those that authenticate with the proxy, which are secret.
    """

    url: str
    headers: Mapping[str, str] = Factory(dict)


def proxy_for(url: Url) -> Proxy | None:
    """Return the proxy for `url` by ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``.

    They apply as in requests and curl: in small letters too, and ``NO_PROXY`` lists hosts, domains,
    networks such as ``10.0.0.0/8``, or ``*``.

    Returns:
        None for a direct connection.

    Raises:
        ConfigurationError: If the variable does not name an HTTP proxy; it quotes no value.
    """
    proxies = getproxies_environment()
    name = url.scheme if url.scheme in proxies else "all"
    written = proxies.get(name or "")
    host = (url.host or "").strip("[]")
    if not written or _is_exempt(host, url.port, proxies):
        return None
    try:
        proxy = parse_url(written if "://" in written else f"http://{written}")
    except LocationParseError:
        proxy = None
    if proxy is None or proxy.scheme not in _SCHEMES or not proxy.host:
        raise ConfigurationError(
            f"{str(name).upper()}_PROXY is not the URL of an HTTP proxy; write one such as "
            "http://proxy.example.org:3128, or the host of the url into NO_PROXY"
        )
    # urllib3 ignores credentials in the URL of a proxy.
    headers = make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else {}
    return Proxy(str(proxy._replace(auth=None, path=None, query=None, fragment=None)), headers)


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
