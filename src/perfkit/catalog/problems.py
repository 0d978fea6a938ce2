"""Collect everything that is wrong with a catalog, with the place of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from typing import Any, TypeAlias

from attrs import Factory, frozen

from perfkit.errors import BudgetError, PerfkitError, UnitError
from perfkit.text import printable, quote, shorten, suggest

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of tables and indexes of arrays."""


@frozen
class Problem:
    """One thing that is wrong.

    Args:
        path: Where it stands.
        message: What is wrong, then what to write instead.
        kind: The exception that says it where there is no file to point into.
        line: Line in the file, from 1; None where the path tells it.
    """

    path: KeyPath
    message: str
    kind: type[PerfkitError] = BudgetError
    line: int | None = None


@frozen
class Problems:
    """Gathers problems below one path; views of it further down share the same list.

    Args:
        path: What they are below.
        found: What was found.
        hides_texts: Whether values may be secret, so that no message shows their text.
        in_code: Whether values are Python objects, so that numbers are in base units.
    """

    path: KeyPath = ()
    found: list[Problem] = Factory(list)
    hides_texts: bool = False
    in_code: bool = False

    def below(self, *keys: str | int) -> Problems:
        """Return a view that adds to this same list, for what stands under `keys`."""
        return Problems((*self.path, *keys), self.found, self.hides_texts, self.in_code)

    def hiding(self) -> Problems:
        """Return a view that adds to this same list, and shows no text that is written there."""
        return Problems(self.path, self.found, hides_texts=True)

    def quoted(self, value: Any) -> str:
        """Write a value as it stands in the file, or say what it is if it may be secret."""
        return what_it_is(value) if self.hides_texts else quoted(value)

    def add(
        self,
        message: str,
        kind: type[PerfkitError] = BudgetError,
        *,
        line: int | None = None,
    ) -> None:
        """Note that something is wrong at this path, or on a line of the file."""
        self.found.append(Problem(self.path, shown(message, longest=500), kind, line))

    def refuse(self, value: Any, why: str, kind: type[PerfkitError] = BudgetError) -> None:
        """Note what is wrong with the value at this path, beginning with the value."""
        self.add(f"{self.quoted(value)} {why}", kind)

    def add_unknown(self, key: str, valid: Iterable[str]) -> None:
        """Note a key that does not exist, with the one that was probably meant."""
        names = tuple(valid)
        close = self.nearest(key, names)
        remedy = f"did you mean {close}?" if close else f"write one of {', '.join(names)}"
        self.below(key).add(f"unknown key; {remedy}")

    def nearest(self, name: str, valid: Iterable[str]) -> str | None:
        """Return the one of `valid` that was probably meant; None if none is close.

        Comparing names is slow; a file with too many mistakes is of another kind.
        """
        if len(self.found) >= _MOST_COMPARED:
            return None
        return suggest(name, valid)

    def as_error(self) -> PerfkitError:
        """Return one exception that tells all that was found, one line each.

        It is a `UnitError` if only quantities could not be read, else a `BudgetError`.
        """
        kinds = {problem.kind for problem in self.found}
        text = "\n".join(f"{dotted(each.path)}: {each.message}" for each in self.found)
        return UnitError(text) if kinds == {UnitError} else BudgetError(text)


def dotted(path: KeyPath) -> str:
    """Write a path as people do: ``routes[0].when``."""
    text = ""
    for key in path:
        name = shown(str(key)) or '""'
        text += f"[{key}]" if isinstance(key, int) else f".{name}"
    return text.removeprefix(".")


def shown(text: str, longest: int = 60) -> str:
    """Write text from a file so that it is short, on one line, and harmless on a terminal."""
    return printable(shorten(text, longest))


def quoted(value: Any) -> str:
    """Write a value from a file as it stands there, more or less; of a table, only that it is."""
    if isinstance(value, Mapping):
        return _KINDS[Mapping]
    if isinstance(value, list):
        items = (
            "..." if isinstance(item, list | Mapping) else quoted(item)
            for item in value[:_MOST_ITEMS]
        )
        return shown(f"[{', '.join(items)}]")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):
        return str(value)
    return quote(value) if isinstance(value, str) else shown(repr(value))


def what_it_is(value: Any) -> str:
    """Write a value from a file as `quoted` does if it can hold no secret, else only its kind."""
    for kind, name in _KINDS.items():
        if isinstance(value, kind):
            return name
    return quoted(value)


_KINDS: Mapping[type, str] = {
    str: "this text",
    Sequence: "this list",
    Mapping: "this table",
}
_MOST_ITEMS = 20
_MOST_COMPARED = 100
