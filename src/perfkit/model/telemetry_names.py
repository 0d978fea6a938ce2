"""The names under which perfkit reports: semantic conventions where there are, else its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from perfkit.model.budget import Budget
from perfkit.model.measurement import Evidence
from perfkit.model.violation import CodeLocation

BUDGET_NAME: Final = "perfkit.budget.name"
BUDGET_CATEGORY: Final = "perfkit.budget.category"
BUDGET_CRITICAL: Final = "perfkit.budget.critical"
BUDGET_STATE: Final = "perfkit.budget.state"
METRIC: Final = "perfkit.metric"
STATISTIC: Final = "perfkit.statistic"
OUTCOME: Final = "perfkit.outcome"
PART: Final = "perfkit.part"
SINK: Final = "perfkit.sink.name"
REASON: Final = "perfkit.reason"
FUNCTION: Final = "code.function.name"
FILE: Final = "code.file.path"
LINE: Final = "code.line.number"
ERROR_TYPE: Final = "error.type"
OVERFLOW: Final = "otel.metric.overflow"


def of_budget(budget: Budget) -> dict[str, str]:
    """Return the attributes of a budget in metrics: few values, never a user's data."""
    named = {BUDGET_NAME: budget.name}
    return {**named, BUDGET_CATEGORY: budget.category} if budget.category else named


def of_place(where: CodeLocation) -> dict[str, str | int]:
    """Return the attributes of a code location, without the unknown ones."""
    place: dict[str, str | int] = {FUNCTION: where.function}
    if where.file:
        place |= {FILE: where.file, LINE: where.line}
    return place


_MOST_LINES: Final = 5
_LONGEST: Final = 1024


def of_evidence(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return one attribute for each kind of evidence: a few lines, at most 1,024 characters."""
    return {
        f"perfkit.evidence.{each.kind}": "\n".join(_lines_of(each))[:_LONGEST] for each in evidence
    }


def _lines_of(evidence: Evidence) -> Iterable[str]:
    since = evidence.since_armed
    when = "" if since is None else f"in another call, after {since:.3g} s"
    yield ", ".join(filter(None, (evidence.summary, evidence.note, when)))
    for row in evidence.rows[1:_MOST_LINES]:
        shown = (f"{key}={value}" for key, value in row.items() if key not in {"stack", "trace"})
        yield " ".join(shown)
