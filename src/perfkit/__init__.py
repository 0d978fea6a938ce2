"""Performance budgets, written down once and held everywhere."""

from perfkit.assembly import configure, override, reset
from perfkit.catalog import Catalog
from perfkit.errors import (
    BudgetError,
    BudgetExceeded,
    CatalogError,
    ConfigurationError,
    MissingExtraError,
    PerfkitError,
    UnitError,
    UnknownBudgetError,
)
from perfkit.instruments import Spent, budget, cpu_profiled, memory_profiled, timed
from perfkit.model import (
    Budget,
    Direction,
    Limit,
    Measurement,
    Metric,
    Outcome,
    Severity,
    State,
    Statistic,
    Verdict,
    Violation,
)
from perfkit.otel.providers import Telemetry

__all__ = [
    "Budget",
    "BudgetError",
    "BudgetExceeded",
    "Catalog",
    "CatalogError",
    "ConfigurationError",
    "Direction",
    "Limit",
    "Measurement",
    "Metric",
    "MissingExtraError",
    "Outcome",
    "PerfkitError",
    "Severity",
    "Spent",
    "State",
    "Statistic",
    "Telemetry",
    "UnitError",
    "UnknownBudgetError",
    "Verdict",
    "Violation",
    "budget",
    "configure",
    "cpu_profiled",
    "memory_profiled",
    "override",
    "reset",
    "timed",
]
