"""Where a POST may go, and to whom: certificates, addresses, URLs and headers."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from perfkit.errors import ConfigurationError
from perfkit.sinks.http import addresses as addresses_module
from perfkit.sinks.http import endpoint as endpoint_module
from perfkit.sinks.http.addresses import Address, ask, is_inward, is_link_local
from perfkit.sinks.http.endpoint import Endpoint, user_agent
from perfkit.sinks.http.url import read_url
from tests.receivers.certificates import make_certificate
from tests.receivers.webhook import (
    WebhookReceiver,
    closed_port,
    never,
    trickle_headers,
)
from tests.sinks.endpoints import SHORT, TOKEN, endpoint_for, failure_of

# TLS.


def test_a_trusted_certificate_is_all_that_https_takes(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with WebhookReceiver(certificate) as receiver:
        endpoint_for(receiver, ca_file=certificate.ca_file).post(b"x" * 500_000)
        assert len(receiver.requests[0].body) == 500_000


@pytest.mark.parametrize("behaviour", [never(), trickle_headers(0.05)], ids=["silent", "slow"])
def test_no_receiver_can_take_longer_over_tls_either(tmp_path: Path, behaviour: Any) -> None:
    certificate = make_certificate(tmp_path)
    with WebhookReceiver(certificate) as receiver:
        receiver.always(behaviour)
        endpoint = endpoint_for(receiver, ca_file=certificate.ca_file, timeout=0.5)
        assert failure_of(endpoint).reason == "timeout"


def test_https_goes_by_name_too(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    with WebhookReceiver(certificate) as receiver:
        url = f"https://localhost:{receiver.port}"
        Endpoint(url, loopback=True, ca_file=certificate.ca_file).post(b"{}")
        assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize(
    ("names", "has_run_out", "is_known"),
    [((), False, False), ((), True, True), (("example.org",), False, True)],
    ids=["unknown authority", "run out", "for another host"],
)
def test_a_bad_certificate_gets_nothing(
    tmp_path: Path,
    names: tuple[str, ...],
    has_run_out: bool,  # noqa: FBT001 - a pytest parameter
    is_known: bool,  # noqa: FBT001 - a pytest parameter
) -> None:
    certificate = make_certificate(tmp_path, *names, has_run_out=has_run_out)
    trusted = certificate if is_known else make_certificate(tmp_path, name="other")
    with WebhookReceiver(certificate) as receiver:
        failure = failure_of(endpoint_for(receiver, ca_file=trusted.ca_file))
        assert receiver.requests == []
    assert "is not trusted" in str(failure)
    assert "write ca_file" in str(failure)
    assert (failure.is_permanent, failure.reason) == (False, "failed")


def test_nothing_turns_the_check_of_certificates_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    context = Endpoint("https://example.org")._context
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_receiver_that_speaks_no_tls_gets_nothing(receiver: WebhookReceiver) -> None:
    url = receiver.url.replace("http:", "https:")
    failure = failure_of(Endpoint(url, loopback=True, timeout=20.0))
    assert failure.reason == "failed"
    assert receiver.requests == []


def test_a_handshake_that_never_ends_is_too_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        assert failure_of(Endpoint(url, loopback=True, timeout=SHORT)).reason == "timeout"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_without_certificates_is_an_error_at_once(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="ca_file cannot be read"):
        Endpoint("https://example.org", ca_file=path)


# Where nothing is to go.


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",  # noqa: S104 - refused
        "169.254.169.254",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
        "::127.0.0.1",
        "::169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:1::0.0.0.0",
        "64:ff9b:1:fffe::169.254.169.254",
        "64:ff9b:1:7f00:0:100::",  # by RFC 6052, for a prefix of 48, 56 and 64 bits
        "64:ff9b:1:a9:fe:a9fe::",
        "64:ff9b:1:2:a9:fea9:fe00:0",
    ],
)
def test_inward_addresses_are_known(address: str) -> None:
    assert is_inward(address)


METADATA = [
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fd00:100::100:200",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:100.100.100.200",
    "fd00:ec2::254%1",
]


@pytest.mark.parametrize("address", METADATA)
def test_where_clouds_keep_credentials_nothing_is_ever_sent(address: str) -> None:
    assert is_inward(address)
    assert is_link_local(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ConfigurationError, match="where clouds keep credentials"):
        Endpoint(f"http://{host}/hook", loopback=True)


def test_a_name_that_leads_to_metadata_is_refused_though_loopback_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = Address(family=socket.AF_INET6, sockaddr=("fd00:ec2::254", 80, 0, 0))
    monkeypatch.setattr(addresses_module, "ask", lambda *_: [bad])
    failure = failure_of(Endpoint("http://metadata.test", loopback=True))
    assert (failure.is_permanent, failure.reason) == (True, "refused")


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.1",
        "10.0.0.1",
        "192.168.1.1",
        "100.100.100.201",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "::192.0.2.1",
        "64:ff9b:1::192.0.2.1",
        "64:ff9b:1::10.0.0.0",
        "64:ff9b:1:7f00::10.0.0.1",
        "64:ff9b:1:a00:0:100::",
        "fd00::1",
        "fd00:ec2::1",
    ],
)
def test_addresses_of_networks_are_not_inward(address: str) -> None:
    assert not is_inward(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"],  # noqa: S104 - refused
)
def test_a_url_with_an_inward_address_is_an_error_at_once(host: str) -> None:
    with pytest.raises(ConfigurationError, match="write loopback = true"):
        Endpoint(f"http://{host}/hook")
    Endpoint(f"http://{host}/hook", loopback=True)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.1.1]"])
def test_nothing_is_ever_sent_to_a_link_local_address(host: str) -> None:
    with pytest.raises(ConfigurationError, match="a link-local address, or one where clouds keep"):
        Endpoint(f"http://{host}/hook", loopback=True)


def test_a_name_that_leads_to_a_link_local_address_is_refused_though_loopback_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = Address(family=socket.AF_INET, sockaddr=("169.254.169.254", 80))
    monkeypatch.setattr(addresses_module, "ask", lambda *_: [bad])
    failure = failure_of(Endpoint("http://metadata.test", loopback=True))
    assert (failure.is_permanent, failure.reason) == (True, "refused")
    assert "leads to a link-local address, or one" in str(failure)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1"])
def test_a_name_that_leads_to_loopback_is_refused_when_it_does(
    receiver: WebhookReceiver, host: str
) -> None:
    """The resolver reads some figures as addresses that no reader would take for one."""
    failure = failure_of(Endpoint(f"http://{host}:{receiver.port}", timeout=20.0))
    assert failure.is_permanent
    assert failure.reason == "refused"
    assert "write loopback = true" in str(failure)
    assert receiver.requests == []


def test_the_connection_goes_to_the_address_that_was_checked(
    receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that gives a good address first and an inward one next gets nowhere with that."""
    answers = [ask("127.0.0.1", receiver.port)]
    monkeypatch.setattr(addresses_module, "ask", lambda *_: answers.pop())
    monkeypatch.setattr(addresses_module, "is_inward", lambda _: False)
    Endpoint("http://rebinding.test").post(b"{}")
    assert answers == []
    assert len(receiver.requests) == 1


def test_only_the_inward_ones_of_several_addresses_are_left_out(
    receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Address(family=socket.AF_INET, sockaddr=("169.254.169.254", 80))
    good = ask("127.0.0.1", receiver.port)[0]
    monkeypatch.setattr(addresses_module, "ask", lambda *_: [bad, good])
    monkeypatch.setattr(addresses_module, "is_inward", lambda text: text.startswith("169."))
    Endpoint("http://mixed.test").post(b"{}")
    assert len(receiver.requests) == 1


def test_proxies_of_the_environment_are_not_used(
    receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    endpoint_for(receiver).post(b"{}")
    assert len(receiver.requests) == 1


# What cannot be used is said at once.


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("ftp://example.org/secret", "write one such as https://"),
        ("example.org/secret", "write one such as https://"),
        ("file:///secret", "write one such as https://"),
        ("https:///secret", "write one such as https://"),
        ("https://[secret", "write one such as https://"),
        ("https://example.org/secret\r\nX-Evil: 1", "write one such as https://"),
        ("https://example.org/secret and more", "write one such as https://"),
        ("https://user:secret@example.org", "write them into headers"),
        ("https://secret@example.org", "write them into headers"),
        ("https://example.org:secret/", "from 1 to 65535"),
        ("https://example.org:70000/secret", "from 1 to 65535"),
        ("https://example.org:0/secret", "from 1 to 65535"),
        (f"https://{'secret' * 20}.org", "no possible host"),
        ("https://example.org/secr\u00e9t", "percent-encoded"),
    ],
)
def test_a_url_that_cannot_be_used_is_an_error_that_does_not_quote_it(
    url: str, remedy: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Endpoint(url)
    assert remedy in str(caught.value)
    assert "secr" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "destination", "host"),
    [
        ("https://example.org", "https://example.org:443", "example.org"),
        ("http://EXAMPLE.org:80/x", "http://example.org:80", "example.org"),
        ("http://example.org:8080", "http://example.org:8080", "example.org:8080"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443", "[2001:db8::1]"),
        (
            "https://b\u00fccher.example",
            "https://xn--bcher-kva.example:443",
            "xn--bcher-kva.example",
        ),
    ],
)
def test_the_destination_is_scheme_host_and_port(url: str, destination: str, host: str) -> None:
    assert Endpoint(url).destination == destination
    assert read_url(url).host_header == host


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A": "b\nX-Evil: 1"},
        {"X-A": "b\x00"},
        {"X-A": "b\u2028c"},
        {"X-A": "\u20ac"},
        {"X-A\r\nX-Evil": "1"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"": "1"},
        {"X-A": 1},
        {1: "a"},
    ],
    ids=repr,
)
def test_a_header_that_could_become_two_is_an_error(
    receiver: WebhookReceiver, headers: Any
) -> None:
    with pytest.raises(ConfigurationError):
        endpoint_for(receiver, headers=headers)
    with pytest.raises(ConfigurationError):
        endpoint_for(receiver).post(b"{}", headers)
    assert receiver.requests == []


def test_the_error_about_a_header_does_not_quote_its_value() -> None:
    with pytest.raises(ConfigurationError, match="Authorization") as caught:
        Endpoint("https://example.org", headers={"Authorization": f"{TOKEN}\n"})
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_headers_that_frame_the_message_are_perfkits_own(name: str) -> None:
    with pytest.raises(ConfigurationError, match="leave it out"):
        Endpoint("https://example.org", headers={name: "1"})


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_an_error(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        Endpoint("https://example.org", timeout=timeout)


def test_the_user_agent_says_what_perfkit_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - for this test

    assert user_agent() == f"perfkit/{version('perfkit')}"

    def fail(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(endpoint_module, "version", fail)
    assert user_agent.__wrapped__() == "perfkit"
