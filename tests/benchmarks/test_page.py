"""The tables of the documentation are written between two comments, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.processes import ROOT

from benchmarks import overhead, page, reliability


def test_the_table_comes_in_the_place_of_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.begin('a.module')}last time\n{page.END}after\n")
    page.write(path, "a.module", "this time\n")
    assert path.read_text() == f"before\n{page.begin('a.module')}this time\n{page.END}after\n"


@pytest.mark.parametrize("text", ["nothing here\n", page.begin("another.module") + page.END])
def test_a_page_without_a_place_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md has no place.*a\.module"):
        page.write(path, "a.module", "this time\n")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("name", "module"),
    [("performance.md", overhead.MODULE), ("reliability.md", reliability.MODULE)],
)
def test_the_docs_have_a_place_for_each_table(name: str, module: str) -> None:
    _, found, rest = (ROOT / "docs" / name).read_text().partition(page.begin(module))
    assert found
    assert page.END in rest
