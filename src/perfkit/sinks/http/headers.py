"""Check headers before any request is made with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from perfkit.errors import ConfigurationError

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OUR_OWN: Final = frozenset(
    {"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"}
)
"""What the exchange itself depends on."""


def check_headers(headers: Mapping[Any, Any]) -> dict[str, str]:
    """Return `headers` as they can be sent.

    Raises:
        ConfigurationError: If one cannot be sent, or says how the exchange goes on. The message
            quotes no value, which may be a secret.
    """
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ConfigurationError(
                f"{str(name)[:50]!r} cannot name a header; write letters, digits and dashes"
            )
        if name.lower() in _OUR_OWN:
            raise ConfigurationError(f"the header {name} is set by perfkit; leave it out")
        if not isinstance(value, str) or not _can_be_sent(value):
            raise ConfigurationError(
                f"the value of the header {name} cannot be sent; write one line of plain text"
            )
    return dict(headers)


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Return all headers, where a later one replaces earlier ones of its name in any case."""
    found = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(found.values())


def _can_be_sent(value: str) -> bool:
    return value.isprintable() and all(ord(letter) <= 0xFF for letter in value)  # noqa: PLR2004 - Latin-1
