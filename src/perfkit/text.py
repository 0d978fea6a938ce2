"""Text for messages: printable, short, quoted, and with the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str) -> str:
    """Return `text` on one line, with unprintable characters escaped as in Python source."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def shorten(text: str, longest: int = 60) -> str:
    """Return `text` with its end replaced by ``...`` where it exceeds `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def shorten_middle(text: str, longest: int = 300) -> str:
    """Return `text` with its middle replaced by ``...`` where it exceeds `longest` characters."""
    if len(text) <= longest:
        return text
    half = longest // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"


def quote(text: str, longest: int = 60) -> str:
    """Return `text` in double quotes, printable and at most about `longest` characters long."""
    return f'"{printable(shorten(text, longest))}"'


def suggest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` was probably meant to be; None if none is close."""
    # difflib costs 4 ms to load, so only a process that has a mistake to report loads it.
    from difflib import get_close_matches  # noqa: PLC0415 - for messages only

    return next(iter(get_close_matches(name, tuple(names), n=1)), None)
