"""The benchmarks write their tables between two comments of a page, and change nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.processes import ROOT
from benchmarks.results import REFERENCE_FLOOR_NS

from benchmarks import overhead, page, reliability


def test_a_table_replaces_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.begin('a.module')}old table\n{page.END}after\n")
    page.write(path, "a.module", "new table\n")
    assert path.read_text() == f"before\n{page.begin('a.module')}new table\n{page.END}after\n"


@pytest.mark.parametrize("text", ["nothing here\n", page.begin("another.module") + page.END])
def test_a_page_without_the_comments_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md does not contain .*a\.module"):
        page.write(path, "a.module", "new table\n")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("name", "module"),
    [("performance.md", overhead.MODULE), ("reliability.md", reliability.MODULE)],
)
def test_the_docs_have_the_comments_of_each_table(name: str, module: str) -> None:
    _, found, rest = (ROOT / "docs" / name).read_text().partition(page.begin(module))
    assert found
    assert page.END in rest


def test_the_floor_of_the_reference_machine_is_that_of_the_page() -> None:
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert f"| floor: closure, two clock reads | {REFERENCE_FLOOR_NS:,.0f} ns |" in text
