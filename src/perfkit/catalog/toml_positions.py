"""Find the line of each key in a TOML text, because tomllib does not report lines."""

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
    """A duplicate key or table, with its line and that of the first occurrence, from 1."""

    path: KeyPath
    line: int
    first_line: int


@frozen
class Located:
    """The lines, from 1, of all keys, tables and array items of a TOML text.

    `too_deep` is the line of the first value nested deeper than `MAX_DEPTH`.
    """

    lines: Mapping[KeyPath, int]
    repeats: tuple[Repeat, ...]
    too_deep: int | None

    def line_of(self, path: KeyPath) -> int:
        """Return the line of `path`, or of its innermost parent that has a line; else 1."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def locate(text: str) -> Located:
    """Return the lines of all keys in a TOML text.

    The text may be invalid: the scan ends at the first syntax error and never raises. Its time is
    linear in the length of the text, independent of the nesting.
    """
    scanner = _Scanner(text)
    while scanner.read_statement():
        pass
    return Located(scanner.lines, tuple(scanner.repeats), scanner.too_deep)


class _Scanner:
    """Scans the statements of a TOML text in order, up to the first syntax error."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.too_deep: int | None = None
        self._text = text
        self._at = 0
        # One pass over the text here; then each line number is a binary search in `_line`.
        self._line_ends = [match.end() for match in re.finditer("\n", text)]
        self._table: KeyPath = ()
        self._last_items: dict[KeyPath, int] = {}
        self._written: dict[KeyPath, int] = {}
        self.repeats: list[Repeat] = []

    def read_statement(self) -> bool:
        """Scan a table header, or a key and its value; False at the end or a syntax error."""
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
            # A header below an array of tables refers to the last item: after [[routes]], the
            # header [routes.when] is the path routes[0].when.
            path = self._last_item(path)
            path = (*path, name)
            # A header also defines its parents. The first occurrence of a parent has its line.
            self.lines.setdefault(path, self._line(start))
        if is_item:
            self._last_items[path] = self._last_items.get(path, -1) + 1
            path = self._last_item(path)
        is_new = self._note_written(path, start)
        # A duplicate table is one repeat. Its keys must not be repeats too, so they are recorded
        # below a path that no key can have: the negative number of the line.
        self._table = path if is_new else (*path, -self._line(start))
        self.lines[self._table] = self._line(start)
        return True

    def _last_item(self, path: KeyPath) -> KeyPath:
        return (*path, self._last_items[path]) if path in self._last_items else path

    def _read_key(self, base: KeyPath) -> KeyPath | None:
        """Scan a dotted key in the table at `base` and return its path; None if there is none."""
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
        """Scan the parts of a dotted key, each with its offset; stop after `MAX_DEPTH` parts."""
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
        # The stack is explicit because deep nesting in a file must not raise RecursionError. An
        # item is the path of an array with its last index, or of an inline table with None.
        around: list[tuple[KeyPath, int | None]] = []
        value: KeyPath | None = path
        while value is not None:
            # The value of a key begins on the line of the key; items of an array may be on others.
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
        """Move to the next value in the innermost array or inline table; None if there is none."""
        # Commas are skipped like blanks, without a check of their number: tomllib checks syntax.
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
        # A basic string may have escapes. tomllib decodes them, so that the path is equal to the
        # path in its result.
        try:
            return str(tomllib.loads(f"name = {written}")["name"])
        except ValueError:  # a wrong escape: tomllib reports it for the whole text
            return written
    return written[1:-1] if written.startswith("'") else written


MAX_DEPTH: Final = 32
"""The maximum nesting of tables and arrays. The time of tomllib is quadratic in the depth."""

# The quantifiers are possessive ("*+", "++"), so that a match never backtracks and the scan is
# linear in the length of the text.
_NOTHING: Final = re.compile("")
_SPACE: Final = re.compile(r"[ \t]*+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+)*+")
_BLANK_OR_COMMA: Final = re.compile(r"(?:[ \t\r\n,]++|\#[^\n]*+)*+")
_KEY_PART: Final = re.compile(
    r"""[ \t]*+ (?P<name> [A-Za-z0-9_-]++ | "(?:[^"\\\n]++|\\.)*+" | '[^'\n]*+' )
        [ \t]*+ (?P<dot>\.)?""",
    re.VERBOSE,
)
# A multi-line string may end with one or two quotes of its own before the three that close it.
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
