"""`docs/measuring.md` describes each metric in one row with all columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfkit import Metric
from tests.architecture.page_blocks import rows_of

PAGE = (Path(__file__).parents[2] / "docs" / "measuring.md").read_text(encoding="utf-8")
COLUMNS = ["metric", "value", "unit", "scope", "cost", "platforms", "misleading when"]
METRICS = [metric for metric in Metric if metric is not Metric.SCALING_EXPONENT]


ROWS = rows_of(PAGE, re.escape(" | ".join(COLUMNS)))


def test_every_metric_has_one_row_and_nothing_else_has_one() -> None:
    named = [row[0].strip("`") for row in ROWS]

    assert sorted(named) == sorted(METRICS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_a_row_has_each_column_and_names_the_base_unit_and_a_scope(row: list[str]) -> None:
    assert len(row) == len(COLUMNS)
    assert all(row)
    metric, _, unit, scope, *_ = row
    assert unit.strip("`") == Metric(metric.strip("`")).unit
    assert re.search("call|thread|process", scope)
