"""Find the addresses of a host, and tell which of them no violation should go to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from attrs import field, frozen

from perfkit.sinks.http.deadline import Deadline

_LAST_FOUR: Final = tuple(
    map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
)
"""IPv6 addresses that stand for the IPv4 one in their last four bytes (RFC 4291, 6052, 7915)."""
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
"""Those that do so where each network decides in which bytes (RFC 8215)."""
_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "fd00:100::100:200",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
        ),
    )
)
"""Where clouds hand out a machine's credentials, beside the link-local 169.254.169.254: Amazon two,
Google, Oracle, Scaleway, Alibaba two, Azure, Oracle Classic."""


@frozen(kw_only=True)
class Address:
    """One address of a host.

    Args:
        family: `socket.AF_INET` or `socket.AF_INET6`.
        sockaddr: What `socket.socket.connect` takes: a numeric address and a port, and of IPv6 also
            flow and scope.
    """

    family: int
    sockaddr: tuple[Any, ...] = field(converter=tuple)

    @property
    def is_inward(self) -> bool:
        """Whether it leads to this machine, or to what only this machine's network sees."""
        return is_inward(str(self.sockaddr[0]))

    @property
    def is_link_local(self) -> bool:
        """Whether it is of the link alone or of a cloud's metadata: nothing is ever to go there."""
        return is_link_local(str(self.sockaddr[0]))


def is_inward(text: str) -> bool:
    """Tell whether an address is a loopback, unspecified or link-local one, or a cloud's metadata.

    IPv6 addresses that stand for an IPv4 address count as that one too: mapped, compatible,
    translated, 6to4, and those of NAT64.

    >>> is_inward("127.0.0.1"), is_inward("::ffff:169.254.169.254"), is_inward("192.0.2.1")
    (True, True, False)

    Raises:
        ValueError: If `text` is no address.
    """
    meanings = tuple(_meanings(ip_address(text)))
    return any(each.is_loopback or each.is_unspecified for each in meanings) or is_link_local(text)


def is_link_local(text: str) -> bool:
    """Tell whether an address is of the link alone, or of those where clouds keep their metadata.

    >>> is_link_local("169.254.169.254"), is_link_local("fd00:ec2::254"), is_link_local("127.0.0.1")
    (True, True, False)

    Raises:
        ValueError: If `text` is no address.
    """
    return any(each.is_link_local or each in _METADATA for each in _meanings(ip_address(text)))


def is_address(host: str) -> bool:
    """Tell whether `host` is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _meanings(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Yield an address, without its scope, and the IPv4 addresses that it may stand for."""
    if isinstance(address, IPv4Address):
        yield address
        return
    number = int(address)
    plain = IPv6Address(number)
    yield plain
    if any(plain in network for network in _LAST_FOUR):
        yield IPv4Address(number & 0xFFFF_FFFF)
    if plain in _LOCAL_NAT64:
        yield from _behind_local_nat64(number)
    if plain.sixtofour is not None:
        yield plain.sixtofour


def _behind_local_nat64(number: int) -> Iterator[IPv4Address]:
    """Yield what such an address may stand for: nobody here knows how long the prefix is.

    A prefix takes 96 bits, or 48, 56 or 64. After one of these three the address skips the bits 64
    to 71, and zeros follow it (RFC 6052).
    """
    last = number & 0xFFFF_FFFF
    if last or number == int(_LOCAL_NAT64.network_address):
        yield IPv4Address(last)
    without_gap = (number >> 64 << 56) | (number & (1 << 56) - 1)
    for prefix in (48, 56, 64):
        within, rest = divmod(without_gap & (1 << 120 - prefix) - 1, 1 << 88 - prefix)
        if within and not rest:
            yield IPv4Address(within)


class HostLookup:
    """Asks the system's resolver for the addresses of a host, and waits for it only so long.

    Nothing can stop a resolver that hangs. So it is asked in a daemon thread, and as long as that
    thread hangs, whoever asks again waits for its answer instead of starting another one.

    Args:
        host: A name or an address.
        port: Goes into the addresses.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._asking: _Asking | None = None

    def addresses(self, deadline: Deadline) -> list[Address]:
        """Return the addresses, at least one, in the order to try them.

        Raises:
            OSError: If there is none.
            TimeoutError: If the resolver takes too long.
        """
        if is_address(self._host):
            return ask(self._host, self._port)
        asking = self._asking
        if asking is None or not asking.is_alive():  # nor does it live on in the child of a fork
            asking = _Asking(self._host, self._port)
            try:
                asking.start()
            except RuntimeError:  # at the exit of the interpreter no thread starts any more
                return ask(self._host, self._port)
            self._asking = asking
        asking.join(deadline.remaining())
        return asking.answer()


class _Asking(threading.Thread):
    """One question to the resolver."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name="perfkit-lookup", daemon=True)
        self._question = (host, port)
        self._found: list[Address] | None = None
        self._error: OSError | None = None

    def run(self) -> None:
        try:
            self._found = ask(*self._question)
        except OSError as error:
            self._error = error

    def answer(self) -> list[Address]:
        """Return what was found, or raise why nothing was."""
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise TimeoutError("the resolver takes too long")
        return self._found


def ask(host: str, port: int) -> list[Address]:
    """Return the addresses of `host`, however long that takes; raise OSError if there are none."""
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address(family=family, sockaddr=sockaddr) for family, _, _, _, sockaddr in found]
