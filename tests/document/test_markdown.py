"""Tables come out of a document with what a reader sees, and where."""

from __future__ import annotations

import sys

import pytest

from perfkit.document.markdown import read_document
from perfkit.errors import MissingExtraError

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n"


def test_a_table_has_a_header_and_rows_with_lines() -> None:
    (table,) = read_document(f"\n{TABLE}").tables

    assert table.line == 2
    assert [cell.text for cell in table.header] == ["a", "b"]
    assert [(cell.text, cell.line) for row in table.rows for cell in row] == [("1", 4), ("2", 4)]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("**bold** and *soft*", "bold and soft"),
        ("[text](https://example.org)", "text"),
        ("`code`", "code"),
        ("a \\| b", "a | b"),
        ("&lt; 5ms", "< 5ms"),
        ("<5ms", "<5ms"),
        ("one<br>two", "one two"),
        ("~~old~~", "~~old~~"),
        ("\N{CJK UNIFIED IDEOGRAPH-691C}\N{CJK UNIFIED IDEOGRAPH-7D22}", "\u691c\u7d22"),
        ("a\N{NO-BREAK SPACE}b", "a b"),
    ],
)
def test_a_cell_is_what_a_reader_sees(written: str, seen: str) -> None:
    (table,) = read_document(f"| h |\n|---|\n| {written} |\n").tables

    assert table.rows[0][0].text == seen


def test_a_table_knows_the_headings_above_it() -> None:
    text = f"# One\n\n## 1. Two\n\n{TABLE}\n### 2.1 Three\n\nFour\n----\n\n{TABLE}"

    first, second = read_document(text).tables

    assert first.sections == ("One", "Two")
    assert second.sections == ("One", "Four")


def test_tables_in_code_are_no_tables() -> None:
    assert read_document(f"```\n{TABLE}```\n").tables == ()


def test_a_table_in_a_quotation_is_found_on_its_line() -> None:
    (table,) = read_document("text\n\n> | a |\n> |---|\n> | 1 |\n").tables

    assert table.rows[0][0].line == 5


def test_short_rows_are_filled_up() -> None:
    (table,) = read_document("| a | b |\n|---|---|\n| 1 |\n").tables

    assert [cell.text for cell in table.rows[0]] == ["1", ""]


@pytest.mark.parametrize("row", ["| 1 | 2 | 3 |", "1 | 2 | 3", "| 1 | 2 | 3 | |"])
def test_cells_beyond_the_header_are_told(row: str) -> None:
    ((line, rest),) = read_document(f"| a | b |\n|---|---|\n{row}\n").surplus

    assert line == 3
    assert rest.startswith("3")


@pytest.mark.parametrize("row", ["| 1 | 2 |", "1 | 2", "| 1 \\| x | 2 |", "| 1 | |", "| 1 ||"])
def test_rows_that_fit_lose_nothing(row: str) -> None:
    assert read_document(f"| a | b |\n|---|---|\n{row}\n").surplus == ()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_counts(end: str) -> None:
    (table,) = read_document(f"# One\n\n{TABLE}".replace("\n", end)).tables

    assert table.rows[0][0].line == 5


def test_without_its_extra_reading_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)

    with pytest.raises(MissingExtraError, match="pip install 'perfkit\\[cli\\]'"):
        read_document("")
