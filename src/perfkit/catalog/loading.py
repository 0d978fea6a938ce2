"""Load a catalog from TOML; raise one error that lists every problem with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

import attrs

from perfkit.catalog.catalog import Catalog, SinkDeclaration
from perfkit.catalog.files import PROJECT_NAME, PROJECT_TABLE, read_text
from perfkit.catalog.problems import KeyPath, Problem, Problems, dotted, shown
from perfkit.catalog.reading import read_catalog
from perfkit.catalog.sinks import POLICY
from perfkit.catalog.toml_positions import MAX_DEPTH, Located, locate
from perfkit.errors import CatalogError


def load_catalog(path: str | PathLike[str]) -> Catalog:
    """Load a catalog file: a ``perfkit.toml``, or a ``pyproject.toml`` with ``[tool.perfkit]``.

    Raises:
        CatalogError: If the file cannot be read, or is invalid. The error lists every problem,
            one line each.
    """
    source = fspath(path)
    if Path(path).suffix.lower() in _MARKDOWN:
        name = shown(source, longest=500)
        remedy = f"make a catalog of it with: perfkit catalog import {name}"
        raise CatalogError([f"{name}:1: file: it is Markdown, not TOML; {remedy}"])
    return parse_catalog(read_text(path), source)


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
    located = locate(text)
    problems = Problems(root)
    data = _parse_toml(text, located, problems)
    catalog = None
    if data is not None:
        catalog = read_catalog(_table_at(root, data), problems, source)
        catalog = catalog and _with_lines(catalog, located, root)
    if catalog is None or problems.found:
        name = shown(source, longest=500)
        raise CatalogError(f"{name}:{line}" for line in _in_order(problems.found, located, root))
    return catalog


def _parse_toml(text: str, located: Located, problems: Problems) -> Mapping[str, Any] | None:
    """Parse TOML; report each duplicate key at its own line."""
    # tomllib is quadratic in the nesting depth, so a text that is too deep is not parsed at all.
    if located.too_deep is not None:
        problems.add(f"nested deeper than {MAX_DEPTH}; write flatter tables", line=located.too_deep)
        return None
    try:
        return tomllib.loads(text)
    except RecursionError:
        problems.add("nested too deeply; write flatter tables", line=1)
    except ValueError as error:
        # tomllib stops at the first duplicate; `locate` has found all of them.
        for repeat in located.repeats:
            again = (
                f"written again, first on line {repeat.first_line}; rename or remove one of them"
            )
            Problems(repeat.path, problems.found).add(again, line=repeat.line)
        if not located.repeats:
            message, line = _syntax_error(error, text)
            problems.add(f"{message}; correct the TOML here", line=line)
    return None


def _syntax_error(error: ValueError, text: str) -> tuple[str, int]:
    """Return the message of a tomllib error without its position, and the line."""
    match = _PLACE.search(str(error))
    # Python itself raises ValueError, without a position, for an integer of thousands of digits.
    if match is None:
        return "a value is out of range", 1
    line = int(match[1]) if match[1] else text.rstrip().count("\n") + 1
    return str(error)[: match.start()], line


def _with_lines(catalog: Catalog, located: Located, root: KeyPath) -> Catalog:
    """Return the catalog with the lines of each sink's keys."""
    # Options are checked when the sink is built, long after this load. The error then still names
    # the line.
    return attrs.evolve(
        catalog, sinks=tuple(_with_own_lines(sink, located, root) for sink in catalog.sinks)
    )


def _with_own_lines(sink: SinkDeclaration, located: Located, root: KeyPath) -> SinkDeclaration:
    path = (*root, "sinks", sink.name)
    places = {key: (*path, key) for key in ("type", *sink.options, *POLICY)}
    lines = {key: located.lines[place] for key, place in places.items() if place in located.lines}
    return attrs.evolve(sink, lines={"": located.line_of(path), **lines})


def _table_at(root: KeyPath, data: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in root:
        below = data.get(str(key), {})
        data = below if isinstance(below, dict) else {}
    return data


def _in_order(found: list[Problem], located: Located, root: KeyPath) -> list[str]:
    lines = []
    for problem in found:
        line = problem.line or located.line_of(problem.path)
        is_below = problem.path[: len(root)] == root
        path = problem.path[len(root) :] if is_below else problem.path
        # The path of a budget begins with its name: the table "budgets" before it is left out.
        path = path[1:] if len(path) > 1 and path[0] == "budgets" else path
        lines.append((line, f"{line}: {dotted(path) or 'file'}: {problem.message}"))
    # By line only: the sort is stable, so problems of one line stay in the order of the checks.
    return [text for _, text in sorted(lines, key=lambda each: each[0])]


_MARKDOWN: Final = {".md", ".markdown"}
_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
