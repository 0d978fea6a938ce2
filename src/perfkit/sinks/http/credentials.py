"""What of headers and bodies is likely to be secret, so that nobody reads it in an answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from perfkit.sinks.redaction.redactor import SHORTEST, values_in

_SHORTEST_PART: Final = 6
_BETWEEN_PARTS: Final = re.compile(r"[\s=:,;\"]+")
_SCHEMES: Final = frozenset({"apikey", "basic", "bearer", "digest", "token"})
"""Words before credentials, which an operator had better read."""
_SHORTEST_IN_BODY: Final = 16
_IN_BODY: Final = re.compile(rf"[^\s{{}}]{{{_SHORTEST_IN_BODY},}}")


def secrets_in_headers(headers: Mapping[str, str]) -> frozenset[str]:
    """Return what a receiver may quote of headers: their values, and the longer parts of those.

    Of ``Basic`` that is also the name with the password, and the password.
    """
    return frozenset(part for value in headers.values() for part in _parts_of(value))


def secrets_in_body(shape: Any) -> frozenset[str]:
    """Return what looks like a key in a body: a long word without a placeholder.

    What variables of the environment hold is among it, whatever it looks like.
    """
    return frozenset(_words_in(shape)) | values_in(shape)


def _parts_of(value: str) -> Iterator[str]:
    words = (value, *value.split(), *_BETWEEN_PARTS.split(value))
    long = {word for word in words if len(word) >= _SHORTEST_PART}
    yield from (word for word in long if word.lower() not in _SCHEMES)
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() == "basic":
        pair = _decoded(credentials.strip())
        password = pair.partition(":")[2]
        yield from (text for text in (pair, password) if len(text) >= SHORTEST)


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode("utf-8", errors="replace")
    except ValueError:
        return ""


def _words_in(shape: Any) -> Iterator[str]:
    if isinstance(shape, str):
        if _IN_BODY.fullmatch(shape):
            yield shape
    elif isinstance(shape, Mapping | list | tuple):
        for each in shape.values() if isinstance(shape, Mapping) else shape:
            yield from _words_in(each)
