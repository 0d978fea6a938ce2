"""Extract the tables of a Markdown document, each cell with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from attrs import frozen

from perfkit.errors import MissingExtraError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@frozen
class Cell:
    """A cell of a table as rendered on one line: without emphasis, links and escapes."""

    text: str
    line: int


@frozen(kw_only=True)
class Table:
    """A table with the headings above it, the outermost first, without their numbers."""

    sections: tuple[str, ...]
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def line(self) -> int:
        """Its first line in the document, from 1."""
        return self.header[0].line


@frozen
class Document:
    """The tables of a document.

    Args:
        tables: The Markdown tables in order.
        surplus: Lines, from 1, of rows with more cells than their header, and the text of these.
        html: Lines, from 1, of HTML tables, which are not parsed.
    """

    tables: tuple[Table, ...]
    surplus: tuple[tuple[int, str], ...]
    html: tuple[int, ...]


def read_document(text: str) -> Document:
    """Return all tables of a Markdown document (CommonMark with tables).

    Raises:
        MissingExtraError: If the extra `cli` is not installed.
    """
    try:
        from markdown_it import MarkdownIt  # noqa: PLC0415 - an extra, loaded when it is used
    except ImportError:
        raise MissingExtraError("reading Markdown", "cli") from None
    # Inline text is parsed later, for headings and cells only: the rest of a document may be long.
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    lines = text.splitlines() if "\r" not in text else re.split("\r\n|\r|\n", text)
    tables = []
    html = []
    surplus: list[tuple[int, str]] = []
    headings: dict[int, str] = {}
    tokens = parser.parse(text)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            level = int(token.tag[1])
            headings = {above: title for above, title in headings.items() if above < level}
            headings[level] = _NUMBER.sub("", _plain(tokens[index + 1], parser))
        elif token.type == "html_block" and "<table" in token.content.lower():
            html.append(_line_of(token))
        elif token.type == "table_open":
            header, *rows = _rows(tokens, index, parser)
            surplus += _surplus(rows, len(header), lines)
            sections = tuple(title for title in headings.values() if title)
            tables.append(Table(sections=sections, header=header, rows=tuple(rows)))
    return Document(tuple(tables), tuple(surplus), tuple(html))


def _rows(tokens: Sequence[Token], start: int, parser: MarkdownIt) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of the table that begins at `start`, the header first."""
    cells: list[Cell] = []
    line = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token.type == "table_close":
            return
        if token.type == "tr_open":
            line, cells = _line_of(token), []
        elif token.type == "inline":
            cells.append(Cell(_plain(token, parser), line))
        elif token.type == "tr_close":
            yield tuple(cells)


def _surplus(
    rows: Sequence[tuple[Cell, ...]], width: int, lines: Sequence[str]
) -> Iterator[tuple[int, str]]:
    """Yield the cells beyond the last column of the header, which the parser drops."""
    for row in rows:
        line = row[0].line
        text = lines[line - 1].lstrip("> \t").rstrip().removeprefix("|")
        cells = _PIPE.split(text.removesuffix("|"))
        if len(cells) > width:
            yield line, " | ".join(cell.strip() for cell in cells[width:])


def _plain(token: Token, parser: MarkdownIt) -> str:
    children: list[Token] = []
    parser.inline.parse(token.content, parser, {}, children)
    parts = (_BREAKS.get(child.type, child.content) for child in children)
    return " ".join("".join(parts).split())


def _line_of(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


_BREAKS: Final = {"softbreak": " ", "hardbreak": " ", "html_inline": " "}
_NUMBER: Final = re.compile(r"^(?:\d+[.)]|\d+(?:\.\d+)+[.)]?)\s+")
_PIPE: Final = re.compile(r"(?<!\\)\|")
