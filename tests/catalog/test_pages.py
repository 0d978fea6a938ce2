"""What the pages on catalogs show is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from perfkit.catalog import dump_catalog, parse_catalog
from perfkit.catalog.fields import Field
from perfkit.catalog.limits import LIMIT_KEYS
from perfkit.catalog.objectives import OBJECTIVE_KEYS
from perfkit.catalog.problems import Problems
from perfkit.catalog.reading import BUDGET_KEYS, POLICY
from perfkit.catalog.routes import CONDITIONS, ROUTE_KEYS
from perfkit.catalog.settings import SETTINGS
from perfkit.document import import_markdown
from perfkit.errors import CatalogError
from perfkit.model import EVIDENCE_KINDS, LIMITABLE, Metric, Statistic

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
"""
    (shown,) = blocks("catalog.md", "text")

    with pytest.raises(CatalogError) as caught:
        parse_catalog(text)

    assert list(caught.value.problems) == shown.splitlines()


KINDS = [f'"{kind}"' for kind in EVIDENCE_KINDS]


@pytest.mark.parametrize("word", [*LIMITABLE, *Statistic, *KINDS])
def test_every_word_of_the_format_is_explained(word: str) -> None:
    assert f"`{word}`" in (DOCS / "catalog.md").read_text("utf-8")


def row_of(word: str, heading: str) -> list[str]:
    """The cells of the only row below a heading in whose first cell a word stands."""
    text = (DOCS / "catalog.md").read_text("utf-8")
    section = text.split(f"\n{heading}\n")[1].split("\n##")[0]
    (row,) = re.findall(rf"^\|([^|]*`{word}`.*)\|$", section, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


@pytest.mark.parametrize("metric", LIMITABLE)
def test_the_statistic_that_is_shown_is_the_usual_one(metric: Metric) -> None:
    assert row_of(metric, "## Limits")[-1] == f"`{metric.default_statistic}`"


@pytest.mark.parametrize("statistic", Statistic)
def test_the_metrics_that_are_shown_for_a_statistic_are_those_that_have_it(
    statistic: Statistic,
) -> None:
    on = row_of(statistic, "### Statistics and windows")[-1]
    named = {Metric(name) for name in re.findall("`(.*?)`", on)}

    has = {metric for metric in LIMITABLE if statistic in metric.statistics}
    assert (set(LIMITABLE) - named if on.startswith("all but ") else named) == has


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("## Budgets", BUDGET_KEYS),
        ("## Limits", LIMIT_KEYS),
        ("## Objectives", OBJECTIVE_KEYS),
        ("## Routes", [*ROUTE_KEYS, *CONDITIONS]),
    ],
)
def test_every_key_has_a_row_in_the_table_of_its_place(heading: str, keys: Iterable[str]) -> None:
    for key in keys:
        assert len(row_of(key, heading)) == 3


def toml(field: Field, value: object) -> str:
    written = field.write(value)
    return json.dumps(written)


def default_of(field: Field) -> str:
    """Return the last cell of a field's row, as its table defines it."""
    if field.name in {"match", "category_spans"}:
        return "none"
    if field.name == "background":
        return "as `delivery`"
    if field.name == "environment":
        return "`deployment.environment.name` in `OTEL_RESOURCE_ATTRIBUTES`"
    default = f"`{toml(field, field.default)}`"
    if field.under_pytest is not None:
        return f"{default}, under pytest `{toml(field, field.under_pytest)}`"
    by_value: dict[str, list[str]] = {}
    for kind, value in field.by_type.items():
        by_value.setdefault(toml(field, value), []).append(f"`{kind}`")
    parts = [f"{', '.join(kinds)} `{value}`" for value, kinds in by_value.items()]
    return "; ".join([*parts, f"else {default}"]) if parts else default


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        *(("## Settings", field) for field in SETTINGS.values()),
        *(("## Sinks", field) for field in POLICY.values()),
    ],
    ids=lambda value: value.name if isinstance(value, Field) else "",
)
def test_the_row_of_a_key_is_that_of_its_table(heading: str, field: Field) -> None:
    assert row_of(field.name, heading) == [f"`{field.name}`", field.doc, default_of(field)]


def test_what_is_shown_as_off_can_be_off() -> None:
    text = (DOCS / "catalog.md").read_text("utf-8").split('`"off"` turns off the default of ')[1]
    assert set(re.findall("`([a-z_]+)`", text.split(". ")[0])) == {
        key for key, field in POLICY.items() if field.read("off", Problems()) == 0
    }
