"""Redact the values of environment variables in failure texts, destinations and logs."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, Self

from perfkit.sinks.delivery.signals import is_signal_exception

SHORTEST: Final = 3
"""Shorter values, in characters, are not redacted: that would garble every text."""
_SHORTEST_IN_BASE64: Final = 5


class Interpolated(str):
    """A text with values of environment variables, which records their positions. Immutable.

    Args:
        parts: The pieces of the text, each with a flag: whether it is the value of a variable.
    """

    __slots__ = ("parts",)

    parts: tuple[tuple[str, bool], ...]

    def __new__(cls, parts: Iterable[tuple[str, bool]]) -> Self:
        """Join the parts."""
        pieces = tuple(parts)
        text = super().__new__(cls, "".join(piece for piece, _ in pieces))
        text.parts = pieces
        return text

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.parts,)


def parts_of(text: str) -> tuple[tuple[str, bool], ...]:
    """Return the parts of a text; see `Interpolated`."""
    return text.parts if isinstance(text, Interpolated) else ((text, False),)


def values_in(data: Any) -> frozenset[str]:
    """Return the values of variables in all texts of `data`, at any depth."""
    if isinstance(data, str):
        return frozenset(text for text, is_value in parts_of(data) if is_value)
    parts = data.values() if isinstance(data, Mapping) else data
    is_nested = isinstance(data, Mapping | list | tuple)
    return frozenset[str]().union(*map(values_in, parts)) if is_nested else frozenset()


def as_plain(data: Any) -> Any:
    """Return `data` with each `Interpolated` replaced by an ordinary string."""
    if isinstance(data, Interpolated):
        return str(data)
    if isinstance(data, Mapping):
        return {key: as_plain(each) for key, each in data.items()}
    if isinstance(data, list | tuple):
        return [as_plain(each) for each in data]
    return data


class Redactor:
    """Replaces secrets in texts by ``***``. Immutable; safe from any thread.

    A secret is found as it is, JSON-escaped, URL-quoted and in base64, in any case of letters.

    Args:
        values: The secrets. Those shorter than `SHORTEST` are ignored.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        bare = {form for value in values for form in (value, value.strip())}
        self.values = frozenset(value for value in bare if len(value) >= SHORTEST)
        # Compiled here and not at the first failure: the thread that delivers loads no module, as
        # the application may fork at that moment, and the child would inherit the import lock.
        forms = {form for value in self.values for form in _forms_of(value)}
        # A secret may be part of a longer one, of which it would leave the rest readable.
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Return `text` without the secrets."""
        return self._pattern.sub("***", text) if self.values else text

    def including(self, values: Iterable[str]) -> Redactor:
        """Return a redactor of these secrets and `values`."""
        return Redactor(self.values.union(values))

    def redact_error(self, error: Exception) -> Exception:
        """Return `error`, or an exception of the same name without secrets in its text.

        The latter has neither the attributes nor the cause of `error`.
        """
        try:
            text = str(error)
        except Exception as failure:  # a sink of another package may raise any class
            if is_signal_exception(failure):
                raise
            return error
        redacted = self(text)
        kind: Any = type(error)  # mypy does not accept a class as hashable if instances may not be
        return error if redacted == text else _error_like(kind)(redacted)


def _forms_of(value: str) -> Iterator[str]:
    import json  # noqa: PLC0415 - for sinks with secrets only
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - likewise

    # Percent-encoding in small letters is covered, as the pattern ignores case.
    yield value
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
    encoded = value.encode("utf-8", "surrogatepass")
    yield quote(encoded)
    yield quote(encoded, safe="")
    yield quote_plus(encoded)
    yield from _base64_forms_of(encoded)


def _base64_forms_of(encoded: bytes) -> Iterator[str]:
    """Yield the base64 of bytes at each of the three offsets at which a longer text has them."""
    import base64  # noqa: PLC0415 - for sinks with secrets only

    for offset in range(3):
        whole = base64.b64encode(bytes(offset) + encoded).decode("ascii").rstrip("=")
        # The first and the last character may also depend on the bytes around the value.
        core = whole[(0, 2, 3)[offset] :]
        for text in {core, core[:-1] if (offset + len(encoded)) % 3 else core}:
            if len(text) >= _SHORTEST_IN_BASE64:
                yield text
                yield text.replace("+", "-").replace("/", "_")


@lru_cache(maxsize=100)
def _error_like(kind: type[Exception]) -> type[Exception]:
    """Return a class named like `kind` whose instances have a text and nothing else.

    Cached, as a failure is logged once for each sink and class.
    """
    return type(kind.__name__, (Exception,), {"__module__": kind.__module__})


_redactor: Final[ContextVar[Redactor | None]] = ContextVar("perfkit_redactor", default=None)


@contextmanager
def redacted_logs(redactor: Redactor) -> Iterator[None]:
    """Redact the records of watched loggers, in this thread or task only; see `watch`."""
    token = _redactor.set(redactor)
    try:
        yield
    finally:
        _redactor.reset(token)


URLLIB3_LOGGERS: Final = tuple(
    f"urllib3.{name}"
    for name in ("connection", "connectionpool", "poolmanager", "response", "util.retry")
)
"""They log paths at DEBUG, and at WARNING the whole URL of a response with malformed headers."""


def watch(*loggers: str) -> None:
    """Let `redacted_logs` apply to loggers; outside it their records stay unchanged.

    The filter is permanent: adding and removing it for each delivery would change a list over
    which other threads iterate, so that they could skip a filter.
    """
    for name in loggers:
        logging.getLogger(name).addFilter(_redact_record)


def _redact_record(record: logging.LogRecord) -> bool:
    redactor = _redactor.get()
    if redactor is None:
        return True
    try:
        record.msg = redactor(record.getMessage())
        record.args = ()
    except Exception as error:  # the arguments may not fit, or their methods may raise
        if is_signal_exception(error):
            raise
        record.msg, record.args = "(a log record that cannot be formatted)", ()
    if record.exc_info:
        # A handler formats the exception itself, unless exc_text is set.
        written = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        record.exc_info, record.exc_text = None, redactor(written)
    if record.stack_info:
        record.stack_info = redactor(record.stack_info)
    return True
