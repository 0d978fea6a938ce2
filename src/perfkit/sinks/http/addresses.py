"""Find the addresses of a host, and tell which of them no violation should go to."""

from __future__ import annotations

import socket
import threading
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from attrs import field, frozen

from perfkit.sinks.http.deadline import Deadline

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for the IPv4 address in their last four bytes (RFC 6052)."""


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
        """Whether it is of the link alone, where nothing is ever to be sent."""
        return is_link_local(str(self.sockaddr[0]))


def is_inward(text: str) -> bool:
    """Tell whether an address is a loopback, link-local or unspecified one.

    Clouds hand out a machine's credentials at a link-local address. IPv6 addresses that stand for
    an IPv4 address count as that one too.

    >>> is_inward("127.0.0.1"), is_inward("::ffff:169.254.169.254"), is_inward("192.0.2.1")
    (True, True, False)

    Raises:
        ValueError: If `text` is no address.
    """
    address = ip_address(text)
    return any(
        each.is_loopback or each.is_link_local or each.is_unspecified
        for each in (address, _embedded(address))
    )


def is_link_local(text: str) -> bool:
    """Tell whether an address is a link-local one; raises ValueError if it is no address.

    >>> is_link_local("169.254.169.254"), is_link_local("127.0.0.1")
    (True, False)
    """
    address = ip_address(text)
    return address.is_link_local or _embedded(address).is_link_local


def is_address(host: str) -> bool:
    """Tell whether `host` is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for; the address itself for none."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


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
