"""Define performance budgets once, and check them in code, tests and production."""

from typing import TYPE_CHECKING, Any

from perfkit._lazy import lazy_names
from perfkit.instruments import BudgetResult as BudgetResult
from perfkit.instruments import Ratio as Ratio
from perfkit.instruments import budget as budget
from perfkit.instruments import cpu_profiled as cpu_profiled
from perfkit.instruments import memory_profiled as memory_profiled
from perfkit.instruments import monitor as monitor
from perfkit.instruments import ratio as ratio
from perfkit.instruments import timed as timed
from perfkit.runtime.state import state as _state

if TYPE_CHECKING:
    from perfkit.assembly import configure as configure
    from perfkit.assembly import override as override
    from perfkit.assembly import reset as reset
    from perfkit.assembly import set_enabled as set_enabled
    from perfkit.catalog import Catalog as Catalog
    from perfkit.errors import BudgetError as BudgetError
    from perfkit.errors import BudgetExceeded as BudgetExceeded
    from perfkit.errors import CatalogError as CatalogError
    from perfkit.errors import ConfigurationError as ConfigurationError
    from perfkit.errors import DeliveryError as DeliveryError
    from perfkit.errors import MissingExtraError as MissingExtraError
    from perfkit.errors import PerfkitError as PerfkitError
    from perfkit.errors import UnitError as UnitError
    from perfkit.errors import UnknownBudgetError as UnknownBudgetError
    from perfkit.model import Budget as Budget
    from perfkit.model import Direction as Direction
    from perfkit.model import Limit as Limit
    from perfkit.model import Measurement as Measurement
    from perfkit.model import Metric as Metric
    from perfkit.model import Objective as Objective
    from perfkit.model import Outcome as Outcome
    from perfkit.model import Route as Route
    from perfkit.model import Severity as Severity
    from perfkit.model import State as State
    from perfkit.model import Statistic as Statistic
    from perfkit.model import Verdict as Verdict
    from perfkit.model import Violation as Violation
    from perfkit.otel.telemetry import Telemetry as Telemetry
    from perfkit.runtime.process_monitor import Monitor as Monitor
    from perfkit.runtime.window_registry import evaluate_windows as evaluate_windows
    from perfkit.sinks.flushing import flush_sinks as flush_sinks
    from perfkit.sinks.flushing import sink_stats as sink_stats

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "perfkit.assembly": "configure override reset set_enabled",
        "perfkit.catalog": "Catalog",
        "perfkit.errors": (
            "BudgetError BudgetExceeded CatalogError ConfigurationError DeliveryError "
            "MissingExtraError PerfkitError UnitError UnknownBudgetError"
        ),
        "perfkit.model": (
            "Budget Direction Limit Measurement Metric Objective Outcome Route Severity State "
            "Statistic Verdict Violation"
        ),
        "perfkit.otel.telemetry": "Telemetry",
        "perfkit.runtime.process_monitor": "Monitor",
        "perfkit.runtime.window_registry": "evaluate_windows",
        "perfkit.sinks.flushing": "flush_sinks sink_stats",
    },
    loaded="BudgetResult Ratio budget cpu_profiled memory_profiled monitor ratio timed",
)


def _make_default() -> Any:
    from perfkit.assembly import make_default  # noqa: PLC0415 - importing perfkit stays light

    return make_default()


_state.make_default = _make_default
