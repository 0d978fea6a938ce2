"""Certificates for servers on loopback: good ones, and each kind of bad one."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from attrs import frozen


@frozen
class Certificate:
    """A server's certificate, and the authority that signed it.

    Args:
        ca_file: The authority's certificate, for clients to trust.
        leaf: The server's own.
    """

    ca_file: Path
    leaf: trustme.LeafCert

    def server_context(self) -> ssl.SSLContext:
        """Return what a server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.leaf.configure_cert(context)
        return context


def make_certificate(
    folder: Path, *names: str, has_run_out: bool = False, name: str = "authority"
) -> Certificate:
    """Return a certificate for `names`, by default those of loopback, by an authority of its own.

    Args:
        folder: Where the authority's certificate goes.
        names: Host names and addresses that it is for.
        has_run_out: Whether its time was over yesterday.
        name: Of the file.
    """
    authority = trustme.CA()
    ca_file = folder / f"{name}.pem"
    authority.cert_pem.write_to_path(ca_file)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    hosts = names or ("127.0.0.1", "localhost")
    if not has_run_out:
        return Certificate(ca_file, authority.issue_cert(*hosts))
    begin = yesterday - timedelta(days=1)
    expired = authority.issue_cert(*hosts, not_before=begin, not_after=yesterday)
    return Certificate(ca_file, expired)
