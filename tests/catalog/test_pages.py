"""What the pages on catalogs show is true."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from perfkit.assembly.policies import usual_policy
from perfkit.catalog import dump_catalog, parse_catalog
from perfkit.catalog.limits import LIMIT_KEYS
from perfkit.catalog.objectives import OBJECTIVE_KEYS
from perfkit.catalog.reading import BUDGET_KEYS
from perfkit.catalog.routes import CONDITIONS, ROUTE_KEYS
from perfkit.catalog.settings import SETTINGS_KEYS
from perfkit.catalog.sinks import OFF_KEYS, POLICY_KEYS
from perfkit.document import import_markdown
from perfkit.errors import CatalogError
from perfkit.model import EVIDENCE_KINDS, LIMITABLE, Metric, Statistic
from perfkit.units import Unit, parse_quantity

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
    assert row_of(metric, "## Limits")[-1] == f"`{metric.usual_statistic}`"


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
        ("## Settings", SETTINGS_KEYS),
        ("## Routes", [*ROUTE_KEYS, *CONDITIONS]),
        ("## Sinks", POLICY_KEYS),
    ],
)
def test_every_key_has_a_row_in_the_table_of_its_place(heading: str, keys: Iterable[str]) -> None:
    for key in keys:
        assert len(row_of(key, heading)) == 3


TYPES = ("log", "webhook", "alertmanager", "notify", "sentry", "github", "jsonl", "a type of yours")
UNITS = {"rate_limit": Unit.PER_SECOND, "failures": Unit.COUNT}


def usual_on_page(key: str, kind: str) -> str:
    """What the page says is usual of a key for a type of sink."""
    *parts, other = row_of(key, "## Sinks")[-1].split("; ")
    found = next((part for part in parts if f"`{kind}`" in part), other)
    return found.split()[-1].strip('`"')


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("key", sorted(set(POLICY_KEYS) - {"only", "background"}))
def test_what_is_shown_as_usual_for_a_type_of_sink_is_so(key: str, kind: str) -> None:
    shown, usual = usual_on_page(key, kind), getattr(usual_policy(kind), key)
    if shown == "off":
        assert usual == 0
    elif isinstance(usual, float):
        assert parse_quantity(shown, UNITS.get(key, Unit.SECONDS)) == usual
    else:
        assert shown == str(usual)


def test_what_is_shown_as_off_can_be_off() -> None:
    text = (DOCS / "catalog.md").read_text("utf-8").split("turns off what is usual: ")[1]
    assert set(re.findall("`([a-z_]+)`", text.split(" may be ")[0])) == OFF_KEYS
