"""The blocks of a page of the documentation, and the page as the script that a reader pastes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

FILE_NAME: Final = re.compile(r"(?:#|<!--) ?([\w-]+\.\w+)(?: ?-->)?\n")
"""The first line of a block that shows a file: a comment with nothing but its name."""

FILE_LANGUAGES: Final = ("toml", "markdown", "text")
"""Blocks of these show a file, where they begin with its name."""

_BLOCK: Final = re.compile(
    r"^(<!--- skip: next -->\n+)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def script_of(page: str) -> str:
    """Return the blocks of `page` as one script; each line of code has the number it has there."""
    script = ""
    for line, code in _statements_on(page):
        script += "\n" * (line - script.count("\n")) + code
    return script


def rows_of(page: str, header: str) -> list[list[str]]:
    """Return the cells of each row of the tables of `page` whose header starts so."""
    tables = re.findall(rf"^\| {header} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert tables
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _statements_on(page: str) -> Iterator[tuple[int, str]]:
    """Yield the code of each block, and how many lines of the page are above it."""
    for block in _BLOCK.finditer(page):
        skipped, language, text = block.groups()
        line = page.count("\n", 0, block.start(3))
        file = FILE_NAME.match(text)
        if language == "python" and not skipped:
            yield line, text
        elif language in FILE_LANGUAGES and file:
            yield line, f"__import__('pathlib').Path({file[1]!r}).write_text({text!r}, 'utf-8')\n"
