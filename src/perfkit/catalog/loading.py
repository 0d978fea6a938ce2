"""Find and load catalog files; raise one error that lists every problem with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property, partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

import attrs

from perfkit.catalog.catalog import Catalog, SinkDeclaration
from perfkit.catalog.problems import KeyPath, Problem, Problems, dotted, shown
from perfkit.catalog.reading import POLICY, read_catalog
from perfkit.catalog.toml_positions import MAX_DEPTH, Located, locate
from perfkit.errors import CatalogError

CATALOG_NAME: Final = "perfkit.toml"
PROJECT_NAME: Final = "pyproject.toml"
PROJECT_TABLE: Final = ("tool", "perfkit")
LARGEST_BYTES: Final = 2**20
"""Size of the largest file that is read, in bytes; enough for ten thousand budgets."""


def find_catalog(start: Path | None = None) -> Path | None:
    """Return the path of the nearest catalog file, in a folder or its parents.

    Args:
        start: The first folder; None means the working directory.

    Returns:
        The nearest ``perfkit.toml``, or ``pyproject.toml`` with a ``[tool.perfkit]`` table; the
        former if one folder has both. None if no folder has either.
    """
    try:
        folder = (start or Path.cwd()).absolute()
    except FileNotFoundError:  # the working directory was deleted
        return None
    for each in (folder, *folder.parents):
        for path in (each / CATALOG_NAME, each / PROJECT_NAME):
            if _is_catalog(path):
                return path
    return None


def read_text(path: str | PathLike[str]) -> str:
    """Read a text file in UTF-8, of `LARGEST_BYTES` at most.

    Raises:
        CatalogError: If it cannot be read, is too large or is not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            # One byte more than is allowed, so that a larger file, or an endless one such as a
            # device, is recognized without reading it whole.
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _file_error(path, 1, _cannot_read(error)) from None
    if len(data) > LARGEST_BYTES:
        size = f"it is larger than {LARGEST_BYTES // 2**20} MiB, the most that is read"
        raise _file_error(path, 1, f"{size}; take out what is no budget, or split it")
    try:
        # Editors on Windows may write a byte order mark, which tomllib rejects.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise _file_error(path, line, f"{what}; save the file as UTF-8") from None


def load_catalog(path: str | PathLike[str]) -> Catalog:
    """Load a catalog file: a ``perfkit.toml``, or a ``pyproject.toml`` with ``[tool.perfkit]``.

    Raises:
        CatalogError: If the file cannot be read, or is invalid. The error lists every problem,
            one line each.
    """
    if Path(path).suffix.lower() in _MARKDOWN:
        command = f"perfkit catalog import {shown(fspath(path), longest=500)}"
        raise _file_error(
            path, 1, f"it is Markdown, not TOML; make a catalog of it with: {command}"
        )
    return parse_catalog(read_text(path), fspath(path))


def parse_catalog(text: str, source: str = "perfkit.toml") -> Catalog:
    """Parse a catalog from TOML text.

    Args:
        text: The text of a catalog file.
        source: The path of the file, for messages. For a ``pyproject.toml`` the catalog is its
            ``[tool.perfkit]`` table.

    Raises:
        CatalogError: If the text is invalid. The error lists every problem, one line each.
    """
    root = PROJECT_TABLE if Path(source).name == PROJECT_NAME else ()
    positions = _Positions(text, root)
    problems = Problems(root)
    data = _parse_toml(positions, problems)
    catalog = None
    if data is not None:
        catalog = read_catalog(_table_at(root, data), problems, source)
    if catalog is None or problems.found:
        name = shown(source, longest=500)
        raise CatalogError(f"{name}:{line}" for line in _in_order(problems.found, positions))
    # Options are checked when the sink is built, long after this load. The error then still names
    # the line.
    sinks = (
        attrs.evolve(sink, find_lines=partial(positions.of_sink, sink)) for sink in catalog.sinks
    )
    return attrs.evolve(catalog, sinks=tuple(sinks))


class _Positions:
    """The lines of a text, which are found when the first message needs one."""

    def __init__(self, text: str, root: KeyPath) -> None:
        self.text = text
        self.root = root

    @cached_property
    def located(self) -> Located:
        """All positions in the text."""
        return locate(self.text)

    def of_sink(self, sink: SinkDeclaration) -> Mapping[str, int]:
        """Return the line of each key in the table of a sink; of the table itself by ``""``."""
        path = (*self.root, "sinks", sink.name)
        lines = self.located.lines
        keys = ("type", *sink.options, *POLICY)
        found = {key: lines[*path, key] for key in keys if (*path, key) in lines}
        return {"": self.located.line_of(path), **found}


def _parse_toml(positions: _Positions, problems: Problems) -> Mapping[str, Any] | None:
    """Parse TOML; report each duplicate key at its own line."""
    text = positions.text
    # tomllib is quadratic in the parts of a dotted key, so a text with a line of many dots is
    # parsed only after its depth is known. Recursion bounds the depth of all other nesting.
    if _MANY_DOTS.search(text) and _is_too_deep(positions, problems):
        return None
    try:
        data = tomllib.loads(text)
    except RecursionError:
        if not _is_too_deep(positions, problems):
            problems.add("nested too deeply; write flatter tables", line=1)
    except ValueError as error:
        if _is_too_deep(positions, problems):
            return None
        # tomllib stops at the first duplicate; `locate` has found all of them.
        for repeat in positions.located.repeats:
            again = (
                f"written again, first on line {repeat.first_line}; rename or remove one of them"
            )
            Problems(repeat.path, problems.found).add(again, line=repeat.line)
        if not positions.located.repeats:
            message, line = _syntax_error(error, text)
            problems.add(f"{message}; correct the TOML here", line=line)
    else:
        is_deep = _depth(data) > MAX_DEPTH and _is_too_deep(positions, problems)
        return None if is_deep else data
    return None


def _is_too_deep(positions: _Positions, problems: Problems) -> bool:
    line = positions.located.too_deep
    if line is not None:
        problems.add(f"nested deeper than {MAX_DEPTH}; write flatter tables", line=line)
    return line is not None


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level:
        items = [each.values() if isinstance(each, dict) else each for each in level]
        level = [item for each in items for item in each if isinstance(item, dict | list)]
        depth += 1
    return depth


def _syntax_error(error: ValueError, text: str) -> tuple[str, int]:
    """Return the message of a tomllib error without its position, and the line."""
    match = _PLACE.search(str(error))
    # Python itself raises ValueError, without a position, for an integer of thousands of digits.
    if match is None:
        return "a value is out of range", 1
    line = int(match[1]) if match[1] else text.rstrip().count("\n") + 1
    return str(error)[: match.start()], line


def _table_at(root: KeyPath, data: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in root:
        below = data.get(str(key), {})
        data = below if isinstance(below, dict) else {}
    return data


def _in_order(found: list[Problem], positions: _Positions) -> list[str]:
    root = positions.root
    lines = []
    for problem in found:
        line = problem.line or positions.located.line_of(problem.path)
        is_below = problem.path[: len(root)] == root
        path = problem.path[len(root) :] if is_below else problem.path
        # The path of a budget begins with its name: the table "budgets" before it is left out.
        path = path[1:] if len(path) > 1 and path[0] == "budgets" else path
        lines.append((line, f"{line}: {dotted(path) or 'file'}: {problem.message}"))
    # By line only: the sort is stable, so problems of one line stay in the order of the checks.
    return [text for _, text in sorted(lines, key=lambda each: each[0])]


def _is_catalog(path: Path) -> bool:
    try:
        if path.name == CATALOG_NAME or not path.is_file():
            return path.is_file()
        text = read_text(path)
    except (OSError, CatalogError):
        # Most pyproject.toml files do not configure perfkit, so one that cannot be read must not
        # fail the search.
        return False
    # The substring test is cheap; `locate` then finds the table even in a file that is not valid
    # TOML, so that its syntax error is reported when it is loaded.
    return PROJECT_TABLE[-1] in text and PROJECT_TABLE in locate(text).lines


def _cannot_read(error: OSError | ValueError) -> str:
    for kind, answer in _ANSWERS.items():
        if isinstance(error, kind):
            return answer
    reason = getattr(error, "strerror", None) or str(error)
    return f"it cannot be read ({shown(reason, longest=200)}); write the path of a readable file"


def _file_error(path: str | PathLike[str], line: int, message: str) -> CatalogError:
    return CatalogError([f"{shown(fspath(path), longest=500)}:{line}: file: {message}"])


_ANSWERS: Final = {
    FileNotFoundError: "there is no such file; write the path of one that exists",
    NotADirectoryError: "there is no such file; write the path of one that exists",
    IsADirectoryError: "it is a folder; write the path of a file in it",
    PermissionError: "it may not be read; allow it with: chmod u+r",
}
_MARKDOWN: Final = {".md", ".markdown"}
_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
_MANY_DOTS: Final = re.compile(rf"(?:\.[^.\n]*+){{{MAX_DEPTH - 1}}}")
