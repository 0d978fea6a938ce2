"""Where a POST goes, and to whom: certificates, proxies, URLs and headers."""

from __future__ import annotations

import base64
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfkit.errors import ConfigurationError, MissingExtraError
from perfkit.sinks import WebhookSink
from perfkit.sinks.http import client as client_module
from perfkit.sinks.http.client import HttpClient, user_agent
from tests.receivers.certificates import make_certificate
from tests.receivers.tunnel import Tunnel
from tests.receivers.webhook import WebhookReceiver, closed_port
from tests.sinks.clients import SHORT, TOKEN, client_for, failure_of

# TLS.


def test_a_trusted_certificate_is_all_that_https_takes(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with WebhookReceiver(certificate) as receiver:
        client_for(receiver, ca_file=certificate.ca_file).post(b"x" * 500_000)
        assert len(receiver.requests[0].body) == 500_000


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
        failure = failure_of(client_for(receiver, ca_file=trusted.ca_file))
        assert receiver.requests == []
    assert "is not trusted" in str(failure)
    assert "write ca_file" in str(failure)
    assert (failure.is_permanent, failure.reason) == (False, "failed")


def test_nothing_turns_the_check_of_certificates_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    context = HttpClient("https://example.org")._make_pool.keywords["ssl_context"]
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_receiver_that_speaks_no_tls_gets_nothing(receiver: WebhookReceiver) -> None:
    url = receiver.url.replace("http:", "https:")
    failure = failure_of(HttpClient(url, timeout=20.0))
    assert failure.reason == "failed"
    assert receiver.requests == []


def test_a_handshake_that_never_ends_is_too_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        assert failure_of(HttpClient(url, timeout=SHORT)).reason == "timeout"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_without_certificates_is_an_error_at_once(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="ca_file cannot be read"):
        HttpClient("https://example.org", ca_file=path)


# Proxies of the environment.


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set variables of proxies, and no others."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_post_goes_through_the_proxy(
    receiver: WebhookReceiver, proxied: Callable[..., None], name: str
) -> None:
    proxied(**{name: f"http://us:{TOKEN}%2F@127.0.0.1:{receiver.port}"})
    HttpClient(f"http://receiver.test/{TOKEN}").post(b"{}")
    (request,) = receiver.requests
    assert request.path == f"http://receiver.test/{TOKEN}"
    credentials = request.headers["proxy-authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == f"us:{TOKEN}/".encode()


def test_https_goes_through_a_tunnel_with_the_certificate_of_the_receiver(
    tmp_path: Path, proxied: Callable[..., None]
) -> None:
    certificate = make_certificate(tmp_path, "receiver.test")
    with WebhookReceiver(certificate) as receiver, Tunnel(receiver.port) as tunnel:
        proxied(HTTPS_PROXY=tunnel.url, HTTP_PROXY="http://127.0.0.1:1")
        HttpClient("https://receiver.test/hook", ca_file=certificate.ca_file).post(b"{}")
        assert tunnel.targets == ["receiver.test:443"]
        assert len(receiver.requests) == 1
        failure = failure_of(HttpClient("https://other.test", ca_file=certificate.ca_file))
        assert "is not trusted" in str(failure)


@pytest.mark.parametrize(
    "exempt", ["127.0.0.1", "*", "example.org, 127.0.0.0/8", "127.0.0.1:{port}", "127.0.0.1,::1"]
)
def test_no_proxy_lists_hosts_without_one(
    receiver: WebhookReceiver, proxied: Callable[..., None], exempt: str
) -> None:
    dead = f"http://127.0.0.1:{closed_port()}"
    proxied(HTTP_PROXY=dead, NO_PROXY=exempt.format(port=receiver.port))
    client_for(receiver).post(b"{}")
    assert len(receiver.requests) == 1


def test_no_proxy_of_other_hosts_does_not_count(
    receiver: WebhookReceiver, proxied: Callable[..., None]
) -> None:
    proxied(HTTP_PROXY=receiver.url, NO_PROXY="example.org,10.0.0.0/8")
    HttpClient("http://127.0.0.1:1/hook").post(b"{}")
    assert len(receiver.requests) == 1


def test_a_proxy_that_is_not_there_or_refuses_is_a_failure_without_its_password(
    tmp_path: Path, proxied: Callable[..., None]
) -> None:
    proxied(ALL_PROXY=f"us:{TOKEN}@127.0.0.1:{closed_port()}")
    failure = failure_of(HttpClient("http://receiver.test"))
    assert failure.reason == "unreachable"
    assert "http://receiver.test:80 cannot be reached through its proxy" in str(failure)
    with WebhookReceiver() as receiver:  # it answers CONNECT with 501
        proxied(HTTPS_PROXY=f"http://us:{TOKEN}@127.0.0.1:{receiver.port}")
        refused = failure_of(HttpClient("https://receiver.test"))
    assert (refused.reason, refused.is_permanent) == ("failed", False)
    assert TOKEN not in f"{failure}{refused}"


@pytest.mark.parametrize("proxy", ["socks5://secret:1", "http://", "http://[secret"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_does_not_quote_it(
    proxied: Callable[..., None], proxy: str
) -> None:
    proxied(HTTPS_PROXY=proxy)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY is not the URL") as caught:
        HttpClient("https://example.org")
    assert "secret" not in str(caught.value)


def test_without_urllib3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    monkeypatch.delitem(sys.modules, "perfkit.sinks.http.client")
    with pytest.raises(MissingExtraError, match=r"perfkit\[webhook\]"):
        WebhookSink("https://example.org")


# What cannot be used is said at once.


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/secret",
        "example.org/secret",
        "https:///secret",
        "https://[secret",
        "https://example.org/secret\r\nX-Evil: 1",
        "https://example.org/secret and more",
        "https://user:secret@example.org",
        "https://secret@example.org",
        "https://example.org:secret/",
        "https://example.org:70000/secret",
        "https://example.org:0/secret",
        f"https://{'secret' * 20}.org",
    ],
)
def test_a_url_that_cannot_be_used_is_an_error_that_does_not_quote_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpClient(url)
    remedy = "write them into headers" if "@" in url else "write one such as https://"
    assert remedy in str(caught.value)
    assert "secr" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("https://example.org", "https://example.org:443"),
        ("http://EXAMPLE.org:8080/x", "http://example.org:8080"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443"),
        ("http://b\u00fccher.example", "http://xn--bcher-kva.example:80"),
    ],
)
def test_the_destination_is_scheme_host_and_port(url: str, destination: str) -> None:
    assert HttpClient(url).destination == destination


@pytest.mark.parametrize(
    "headers",
    [
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
def test_a_header_that_could_become_two_is_an_error(headers: Any) -> None:
    with pytest.raises(ConfigurationError):
        HttpClient("https://example.org", headers=headers)


def test_the_error_about_a_header_does_not_quote_its_value() -> None:
    with pytest.raises(ConfigurationError, match="Authorization") as caught:
        HttpClient("https://example.org", headers={"Authorization": f"{TOKEN}\n"})
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_headers_that_frame_the_message_are_perfkits_own(name: str) -> None:
    with pytest.raises(ConfigurationError, match="leave it out"):
        HttpClient("https://example.org", headers={name: "1"})


def test_a_timeout_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"timeout is 0; it is a number of seconds"):
        HttpClient("https://example.org", timeout=0)


def test_the_user_agent_says_what_perfkit_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - for this test

    assert user_agent() == f"perfkit/{version('perfkit')}"

    def fail(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(client_module, "version", fail)
    assert user_agent() == "perfkit"
