"""The names under which perfkit reports: semantic conventions where there are, else its own."""

from __future__ import annotations

from typing import Final

from perfkit.model import Budget, Where

BUDGET_NAME: Final = "perfkit.budget.name"
BUDGET_CATEGORY: Final = "perfkit.budget.category"
BUDGET_CRITICAL: Final = "perfkit.budget.critical"
BUDGET_STATE: Final = "perfkit.budget.state"
METRIC: Final = "perfkit.metric"
OUTCOME: Final = "perfkit.outcome"
PART: Final = "perfkit.part"
FUNCTION: Final = "code.function.name"
FILE: Final = "code.file.path"
LINE: Final = "code.line.number"
ERROR_TYPE: Final = "error.type"
OVERFLOW: Final = "otel.metric.overflow"


def of_budget(budget: Budget) -> dict[str, str]:
    """Return what tells budgets apart in metrics: few values, never a user's data."""
    named = {BUDGET_NAME: budget.name}
    return {**named, BUDGET_CATEGORY: budget.category} if budget.category else named


def of_place(where: Where) -> dict[str, str | int]:
    """Return the place in the code; what is not known is left out."""
    place: dict[str, str | int] = {FUNCTION: where.function}
    if where.file:
        place |= {FILE: where.file, LINE: where.line}
    return place
