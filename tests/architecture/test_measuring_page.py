"""`docs/measuring.md` describes each metric in one row with all columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfkit import Metric

PAGE = (Path(__file__).parents[2] / "docs" / "measuring.md").read_text(encoding="utf-8")
COLUMNS = ["metric", "value", "unit", "scope", "cost", "platforms", "misleading when"]
METRICS = [metric for metric in Metric if metric is not Metric.SCALING_EXPONENT]


def rows_of_the_page() -> list[list[str]]:
    """Return the cells of each row of the tables that have these columns."""
    header = re.escape(f"| {' | '.join(COLUMNS)} |\n")
    tables = re.findall(rf"^{header}\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_metric_has_one_row_and_nothing_else_has_one() -> None:
    named = [row[0].strip("`") for row in rows_of_the_page()]

    assert sorted(named) == sorted(METRICS)


@pytest.mark.parametrize("row", rows_of_the_page(), ids=lambda row: row[0].strip("`"))
def test_a_row_has_something_in_each_column(row: list[str]) -> None:
    assert len(row) == len(COLUMNS)
    assert all(row)


@pytest.mark.parametrize("row", rows_of_the_page(), ids=lambda row: row[0].strip("`"))
def test_a_row_names_the_base_unit_and_a_scope(row: list[str]) -> None:
    metric, _, unit, scope, *_ = row

    assert unit.strip("`") == Metric(metric.strip("`")).unit
    assert re.search("call|thread|process", scope)
