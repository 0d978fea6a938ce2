"""Import small tables, and find budgets and limits in the result."""

from __future__ import annotations

from perfkit.document import ImportResult, import_markdown
from perfkit.model import Budget, Limit, Metric


def budget_of(result: ImportResult, name: str) -> Budget:
    """The budget called `name`."""
    budget = result.catalog.get(name)
    assert budget is not None, [each.name for each in result.catalog.budgets]
    return budget


def limit_of(result: ImportResult, name: str, metric: Metric) -> Limit:
    """The one limit of a budget on `metric`."""
    (limit,) = [each for each in budget_of(result, name).limits if each.metric is metric]
    return limit


def from_table(*lines: str) -> ImportResult:
    """What comes out of one table under the heading Uploads."""
    return import_markdown("\n".join(("# Uploads", "", *lines)), "doc.md")
