"""Collect all problems of a catalog, each with its key path and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from typing import Any, TypeAlias

from attrs import Factory, frozen

from perfkit.errors import BudgetError, PerfkitError, UnitError
from perfkit.text import printable, quote, shorten, suggest

KeyPath: TypeAlias = tuple[str | int, ...]
"""The path to a value: keys of tables and indexes of arrays."""


@frozen
class Problem:
    """One invalid value, key or line.

    Args:
        path: The key path of the invalid value.
        message: The problem, then the remedy.
        kind: The class of the exception if the value is from code, not from a file.
        line: Line in the file, from 1; None to look it up by the path.
    """

    path: KeyPath
    message: str
    kind: type[PerfkitError] = BudgetError
    line: int | None = None


@frozen
class Problems:
    """Collects the problems below one path. Views for longer paths share the same list.

    Args:
        path: The key path to which problems are added.
        found: All problems so far, of all views.
        hides_texts: Whether values may be secret, so that no message shows their text.
        in_code: Whether values are Python objects, so that numbers are in base units.
    """

    path: KeyPath = ()
    found: list[Problem] = Factory(list)
    hides_texts: bool = False
    in_code: bool = False

    def below(self, *keys: str | int) -> Problems:
        """Return a view on the same list for the value at `keys` below this path."""
        return Problems((*self.path, *keys), self.found, self.hides_texts, self.in_code)

    def quoted(self, value: Any) -> str:
        """Return a value as its TOML text, or only its kind if it may be secret."""
        for kind, name in _KINDS.items() if self.hides_texts else ():
            if isinstance(value, kind):
                return name
        return quoted(value)

    def add(
        self,
        message: str,
        kind: type[PerfkitError] = BudgetError,
        *,
        line: int | None = None,
    ) -> None:
        """Add a problem at this path, or at a line of the file."""
        self.found.append(Problem(self.path, shown(message, longest=500), kind, line))

    def refuse(self, value: Any, why: str, kind: type[PerfkitError] = BudgetError) -> None:
        """Add a problem whose message is `value`, quoted, followed by `why`."""
        self.add(f"{self.quoted(value)} {why}", kind)

    def add_unknown(self, key: object, valid: Iterable[str]) -> None:
        """Add a problem for an unknown key, and suggest the valid key closest to it."""
        names = tuple(valid)
        remedy = self.remedy(str(key), names, f"write one of {', '.join(names)}", mark="")
        self.below(str(key)).add(f"unknown key; {remedy}")

    def remedy(self, name: str, valid: Iterable[str], otherwise: str, *, mark: str = '"') -> str:
        """Return "did you mean" with the name in `valid` closest to `name`, else `otherwise`."""
        # Comparing names is slow, and a file with that many problems is probably not a catalog at
        # all, so suggestions would only delay the report.
        close = suggest(name, valid) if len(self.found) < _MOST_COMPARED else None
        return f"did you mean {mark}{close}{mark}?" if close else otherwise

    def as_error(self) -> PerfkitError:
        """Return one exception with all problems, one line each.

        It is a `UnitError` if every problem is an invalid quantity, else a `BudgetError`.
        """
        kinds = {problem.kind for problem in self.found}
        text = "\n".join(f"{dotted(each.path)}: {each.message}" for each in self.found)
        return UnitError(text) if kinds == {UnitError} else BudgetError(text)


def dotted(path: KeyPath) -> str:
    """Return a key path as text, such as ``routes[0].when``."""
    text = ""
    for key in path:
        name = shown(str(key)) or '""'
        text += f"[{key}]" if isinstance(key, int) else f".{name}"
    return text.removeprefix(".")


def shown(text: str, longest: int = 60) -> str:
    """Return text from a file shortened, on one line, with control characters escaped."""
    return printable(shorten(text, longest))


def quoted(value: Any) -> str:
    """Return a value from a file as TOML-like text; for a table, only ``this table``."""
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


_KINDS: Mapping[type, str] = {str: "this text", Sequence: "this list", Mapping: "this table"}
_MOST_ITEMS = 20
_MOST_COMPARED = 100
