"""What the pages on catalogs show is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfkit.catalog import dump_catalog, import_markdown, parse_catalog
from perfkit.catalog.limits import LIMIT_KEYS
from perfkit.errors import CatalogError
from perfkit.model import Metric, Statistic

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "text", [text for page in ("catalog.md", "importing.md") for text in blocks(page, "toml")]
)
def test_every_catalog_that_is_shown_is_a_good_one(text: str) -> None:
    source = "pyproject.toml" if "[tool.perfkit" in text else "perfkit.toml"

    assert parse_catalog(text, source).budgets


def test_the_document_that_is_shown_becomes_the_catalog_that_is_shown() -> None:
    (document,) = blocks("importing.md", "markdown")
    (catalog,) = blocks("importing.md", "toml")
    (remarks,) = blocks("importing.md", "text")

    result = import_markdown(document, "PERFORMANCE.md")

    assert dump_catalog(result.catalog) == catalog
    assert list(result.remarks) == remarks.splitlines()[:-1]


def test_the_problems_that_are_shown_are_what_is_said() -> None:
    text = """
[budgets.session_retrieval]
duration = { target = "100", threshold = "300ms" }

[budgets.cache_hit]
duration = { target = "50ms", threshold = "20ms" }
critcal = true

[budgets.cache_hit]
"""
    (shown,) = blocks("catalog.md", "text")

    with pytest.raises(CatalogError) as caught:
        parse_catalog(text)

    assert list(caught.value.problems) == shown.splitlines()


@pytest.mark.parametrize("word", [*Metric, *Statistic, *LIMIT_KEYS])
def test_every_word_of_the_format_is_explained(word: str) -> None:
    assert f"`{word}`" in (DOCS / "catalog.md").read_text("utf-8")


@pytest.mark.parametrize("metric", Metric)
def test_the_statistic_that_is_shown_is_the_usual_one(metric: Metric) -> None:
    (row,) = re.findall(
        rf"^\|[^|]*`{metric}`.*\|$", (DOCS / "catalog.md").read_text("utf-8"), re.MULTILINE
    )

    assert row.split("|")[-2].strip() == f"`{metric.usual_statistic}`"
