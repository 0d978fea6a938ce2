"""Convert the parsed tables of a catalog file to a `Catalog`; collect all problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from perfkit.catalog.catalog import Catalog
from perfkit.catalog.fields import (
    Field,
    field_table,
    read_flag,
    read_keys,
    read_names,
    read_spans,
    read_table,
    read_text,
    write_names,
)
from perfkit.catalog.limits import OF_OBJECTIVES, read_limits
from perfkit.catalog.objectives import read_evidence, read_objective
from perfkit.catalog.problems import Problems
from perfkit.catalog.routes import read_routes
from perfkit.catalog.settings import check_monitored, read_settings
from perfkit.catalog.sinks import read_sinks
from perfkit.errors import BudgetError
from perfkit.model import LIMITABLE, Budget, Limit, Metric, Objective


def read_catalog(data: Mapping[str, Any], problems: Problems, source: str) -> Catalog | None:
    """Convert the data of a TOML file to a catalog; None if there are problems.

    Args:
        data: The top table, or the ``[tool.perfkit]`` table.
        problems: The list that errors are added to.
        source: The path of the file, for messages.
    """
    if not data:
        problems.add(f"nothing in it; write a budget, such as {_FIRST_BUDGET}")
    parts = read_keys(data, _CATALOG_KEYS, problems)
    # This check needs two tables, so the parser of a single key cannot make it.
    settings = data.get("settings")
    if isinstance(settings, Mapping):
        place = problems.below("settings", "monitor")
        check_monitored(settings.get("monitor"), data.get("budgets"), place)
    return None if problems.found else Catalog(**parts, source=source)


def _budgets(value: Any, problems: Problems) -> tuple[Budget, ...]:
    budgets = (
        _budget(name, table, problems.below(name))
        for name, table in read_table(value, problems, "[budgets.session_retrieval]").items()
    )
    return tuple(budget for budget in budgets if budget)


def _budget(name: str, value: Any, problems: Problems) -> Budget | None:
    # A budget with a problem is dropped after all its keys were parsed, so that one load reports
    # every problem of it.
    seen = len(problems.found)
    table = read_table(value, problems, '{ duration = "300ms" }')
    parts = {}
    limits: list[Limit] = []
    for key, item in table.items():
        below = problems.below(key)
        if key in BUDGET_KEYS:
            parts[key] = BUDGET_KEYS[key].read(item, below)
        elif key in _METRICS:
            limits += read_limits(_METRICS[key], item, below, bare_numbers=False)
        elif key == Metric.BURN_RATE:
            below.add(OF_OBJECTIVES)
        elif key in _OTHER_WORDS:
            below.add(f"unknown key; did you mean {_OTHER_WORDS[key]}?")
        else:
            problems.add_unknown(key, (*BUDGET_KEYS, *_METRICS))
    try:
        budget = Budget(name=name, limits=limits, **parts)
    except BudgetError as error:
        problems.add(str(error))
        return None
    return budget if len(problems.found) == seen else None


def _objective(value: Any, problems: Problems) -> Objective | None:
    return read_objective(value, problems, bare_numbers=False)


_CATALOG_KEYS: Final = field_table(
    Field("budgets", _budgets),
    Field("settings", read_settings),
    Field("routes", read_routes),
    Field("sinks", read_sinks),
)
BUDGET_KEYS: Final = field_table(
    Field("category", read_text),
    Field("critical", read_flag),
    Field("description", read_text),
    Field("sinks", read_names, write=write_names),
    Field("spans", read_spans),
    Field("notes", read_names, write=write_names),
    Field("objective", _objective),
    Field("evidence", read_evidence, write=write_names),
)
"""The keys of a budget, except those of its limits."""
_METRICS: Final = {metric.value: metric for metric in LIMITABLE}
# Common names of metrics that differ too much from the keys of perfkit to be found as misspellings.
_OTHER_WORDS: Final = {
    "latency": Metric.DURATION,
    "time": Metric.DURATION,
    "response_time": Metric.DURATION,
    "memory": Metric.MEMORY_PEAK,
    "rss": Metric.MEMORY_RSS,
    "cpu": Metric.CPU_TIME,
    "tps": Metric.THROUGHPUT,
    "rps": Metric.THROUGHPUT,
    "hit_rate": Metric.HIT_RATIO,
    "error_rate": Metric.ERROR_RATIO,
    "gc": Metric.GC_TIME,
    "gc_pause": Metric.GC_TIME,
    "file_descriptors": Metric.OPEN_FILES,
    "slo": "objective",
    "error_budget": "objective",
    "availability": "objective",
    "profile": "evidence",
}
_FIRST_BUDGET: Final = '[budgets.session_retrieval] with duration = "300ms" below it'
