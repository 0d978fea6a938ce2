"""Find the line on which each key of a TOML text stands, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from perfkit.catalog.problems import KeyPath


@frozen
class Repeat:
    """A key or table that is written a second time.

    Args:
        path: The key or table.
        line: The line of the second one, from 1.
        first_line: The line of the first one.
    """

    path: KeyPath
    line: int
    first_line: int


@frozen
class Located:
    """Where everything stands.

    Args:
        lines: Line, from 1, of each key, table and array item.
        repeats: What is written twice, which TOML forbids.
        too_deep: Line of the first thing nested deeper than `MAX_DEPTH`; None if there is none.
    """

    lines: Mapping[KeyPath, int]
    repeats: tuple[Repeat, ...]
    too_deep: int | None

    def line_of(self, path: KeyPath) -> int:
        """Return the line of `path`, or of the nearest thing around it that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def locate(text: str) -> Located:
    """Find the lines of all keys in a TOML text.

    The text need not be valid: the search goes as far as it can, and never raises. Time grows
    with the length only, whatever the nesting.
    """
    scanner = _Scanner(text)
    while scanner.read_statement():
        pass
    return Located(scanner.lines, tuple(scanner.repeats), scanner.too_deep)


class _Scanner:
    """Reads one statement after the other; stops for good at what is not TOML."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.too_deep: int | None = None
        self._text = text
        self._at = 0
        self._line_ends = [match.end() for match in re.finditer("\n", text)]
        self._table: KeyPath = ()
        self._last_items: dict[KeyPath, int] = {}
        self._written: dict[KeyPath, int] = {}
        self.repeats: list[Repeat] = []

    def read_statement(self) -> bool:
        """Read a table's header or a key with its value; False at the end or at a mistake."""
        self._skip(_BLANK)
        start = self._at
        if self._take("["):
            return self._read_header(start)
        path = self._read_key(self._table)
        return path is not None and self._take("=") and self._read_value(path)

    def _read_header(self, start: int) -> bool:
        is_item = self._take("[")
        parts = self._read_parts()
        if not parts or not self._take("]") or (is_item and not self._take("]")):
            return False
        path: KeyPath = ()
        for name, _ in parts:
            path = self._last_item(path)
            path = (*path, name)
            self.lines.setdefault(path, self._line(start))
        if is_item:
            self._last_items[path] = self._last_items.get(path, -1) + 1
            path = self._last_item(path)
        is_new = self._note_written(path, start)
        # Keys of a repeated table are not repeats of their own, so they get a path of their own.
        self._table = path if is_new else (*path, -self._line(start))
        self.lines[self._table] = self._line(start)
        return True

    def _last_item(self, path: KeyPath) -> KeyPath:
        return (*path, self._last_items[path]) if path in self._last_items else path

    def _read_key(self, base: KeyPath) -> KeyPath | None:
        """Read a dotted key that stands in the table at `base`; None if there is none."""
        start = self._at
        parts = self._read_parts()
        path = base
        for name, offset in parts:
            path = (*path, name)
            self.lines.setdefault(path, self._line(offset))
        if parts:
            self._note_written(path, start)
        return path if parts else None

    def _read_parts(self) -> list[tuple[str, int]]:
        """Read a key's parts, each with its offset; stop where they get too many."""
        parts = []
        while match := _KEY_PART.match(self._text, self._at):
            parts.append((_name(match), match.start("name")))
            self._at = match.end()
            if not match["dot"]:
                return parts
            if len(parts) >= MAX_DEPTH:
                self._stop_too_deep()
                return []
        return []

    def _read_value(self, path: KeyPath) -> bool:
        """Read the value of the key at `path`, with all values in it. Not recursive."""
        around: list[tuple[KeyPath, int | None]] = []
        value: KeyPath | None = path
        while value is not None:
            self._skip(_SPACE if not around else _BLANK)
            if self._take("[", ahead=_NOTHING):
                around.append((value, 0))
            elif self._take("{", ahead=_NOTHING):
                around.append((value, None))
            elif not self._skip(_SCALAR):
                return False
            if len(around) > MAX_DEPTH:
                self._stop_too_deep()
                return False
            value = self._next_value(around)
        return not around

    def _next_value(self, around: list[tuple[KeyPath, int | None]]) -> KeyPath | None:
        """Go to the next value in the innermost array or inline table; None if there is none."""
        while around:
            self._skip(_BLANK_OR_COMMA)
            base, index = around[-1]
            if self._take("}" if index is None else "]", ahead=_NOTHING):
                around.pop()
            elif index is None:
                path = self._read_key(base)
                return path if path is not None and self._take("=") else None
            elif self._at < len(self._text):
                around[-1] = (base, index + 1)
                self.lines.setdefault((*base, index), self._line(self._at))
                return (*base, index)
            else:
                return None
        return None

    def _note_written(self, path: KeyPath, start: int) -> bool:
        first = self._written.setdefault(path, start)
        if first != start:
            self.repeats.append(Repeat(path, self._line(start), self._line(first)))
        return first == start

    def _stop_too_deep(self) -> None:
        self.too_deep = self._line(self._at)
        self._at = len(self._text)

    def _line(self, offset: int) -> int:
        return bisect_right(self._line_ends, offset) + 1

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return match is not None

    def _take(self, symbol: str, *, ahead: re.Pattern[str] | None = None) -> bool:
        self._skip(ahead or _SPACE)
        found = self._text.startswith(symbol, self._at)
        self._at += len(symbol) if found else 0
        return found


def _name(match: re.Match[str]) -> str:
    written = match["name"]
    if written.startswith('"'):
        try:
            return str(tomllib.loads(f"name = {written}")["name"])
        except ValueError:  # a wrong escape: tomllib reports it for the whole text
            return written
    return written[1:-1] if written.startswith("'") else written


MAX_DEPTH: Final = 32
"""How deep tables and arrays may be nested. tomllib takes time with the square of the depth."""

_NOTHING: Final = re.compile("")
_SPACE: Final = re.compile(r"[ \t]*+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+)*+")
_BLANK_OR_COMMA: Final = re.compile(r"(?:[ \t\r\n,]++|\#[^\n]*+)*+")
_KEY_PART: Final = re.compile(
    r"""[ \t]*+ (?P<name> [A-Za-z0-9_-]++ | "(?:[^"\\\n]++|\\.)*+" | '[^'\n]*+' )
        [ \t]*+ (?P<dot>\.)?""",
    re.VERBOSE,
)
# A closing run may hold two more quotes than it needs; they belong to the string.
_SCALAR: Final = re.compile(
    r'''
    """(?:[^"\\]++|\\.|"(?!""))*+"{3,5}
    | \'\'\'(?:[^\']++|\'(?!\'\'))*+\'{3,5}
    | "(?:[^"\\\n]++|\\.)*+"
    | '[^'\n]*+'
    | [^\s,\[\]{}\#="']++ (?:[ ](?=\d\d:)[0-9:.Zz+-]++)?
    ''',
    re.VERBOSE | re.DOTALL,
)
