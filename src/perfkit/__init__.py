"""Performance budgets, written down once and held everywhere."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from perfkit.instruments import (
    BudgetResult,
    Ratio,
    budget,
    cpu_profiled,
    memory_profiled,
    monitor,
    ratio,
    timed,
)
from perfkit.runtime.state import state as _state

if TYPE_CHECKING:
    from perfkit.assembly import configure, override, reset
    from perfkit.catalog import Catalog
    from perfkit.errors import (
        BudgetError,
        BudgetExceeded,
        CatalogError,
        ConfigurationError,
        DeliveryFailed,
        MissingExtraError,
        PerfkitError,
        UnitError,
        UnknownBudgetError,
    )
    from perfkit.model import (
        Budget,
        Direction,
        Limit,
        Measurement,
        Metric,
        Objective,
        Outcome,
        Route,
        Severity,
        State,
        Statistic,
        Verdict,
        Violation,
    )
    from perfkit.otel.telemetry import Telemetry
    from perfkit.runtime.process_monitor import Monitor
    from perfkit.runtime.window_registry import evaluate_windows
    from perfkit.sinks.flushing import flush_sinks, sink_stats

__all__ = [
    "Budget",
    "BudgetError",
    "BudgetExceeded",
    "BudgetResult",
    "Catalog",
    "CatalogError",
    "ConfigurationError",
    "DeliveryFailed",
    "Direction",
    "Limit",
    "Measurement",
    "Metric",
    "MissingExtraError",
    "Monitor",
    "Objective",
    "Outcome",
    "PerfkitError",
    "Ratio",
    "Route",
    "Severity",
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
    "evaluate_windows",
    "flush_sinks",
    "memory_profiled",
    "monitor",
    "override",
    "ratio",
    "reset",
    "sink_stats",
    "timed",
]

_HOMES: Final = {
    "perfkit.assembly": {"configure", "make_default", "override", "reset"},
    "perfkit.catalog": {"Catalog"},
    "perfkit.errors": {
        "BudgetError",
        "BudgetExceeded",
        "CatalogError",
        "ConfigurationError",
        "DeliveryFailed",
        "MissingExtraError",
        "PerfkitError",
        "UnitError",
        "UnknownBudgetError",
    },
    "perfkit.model": {
        "Budget",
        "Direction",
        "Limit",
        "Measurement",
        "Metric",
        "Objective",
        "Outcome",
        "Route",
        "Severity",
        "State",
        "Statistic",
        "Verdict",
        "Violation",
    },
    "perfkit.otel.telemetry": {"Telemetry"},
    "perfkit.runtime.process_monitor": {"Monitor"},
    "perfkit.runtime.window_registry": {"evaluate_windows"},
    "perfkit.sinks.flushing": {"flush_sinks", "sink_stats"},
}


def __getattr__(name: str) -> Any:
    """Load what is not a door when it is first asked for: importing perfkit stays light."""
    for home, named in _HOMES.items():
        if name in named:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _make_default() -> Any:
    return __getattr__("make_default")()


_state.make_default = _make_default
