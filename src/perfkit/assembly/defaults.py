"""Build the settings of the process from code, environment variables, catalog and defaults."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from perfkit.assembly.router import make_router
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.catalog import Catalog, CatalogSettings
from perfkit.catalog.settings import SETTINGS, read_variables
from perfkit.errors import ConfigurationError
from perfkit.instruments.monitor import monitor
from perfkit.model import Clock, Observer, Probe, Route
from perfkit.otel.reporting import Reporting
from perfkit.otel.telemetry import Telemetry
from perfkit.probes.clock import SystemClock
from perfkit.probes.cpu import CpuTimeProbe
from perfkit.runtime import call  # noqa: F401 - loaded now: the first violation will need it
from perfkit.runtime.evidence_capture import CaptureRegistry
from perfkit.runtime.overhead_limit import OverheadLimit
from perfkit.runtime.settings import Settings

if TYPE_CHECKING:
    from perfkit.instruments.options import SinkChoice
    from perfkit.runtime.process_monitor import Monitor


class Monitoring:
    """The monitor that the settings request; at most one runs."""

    def __init__(self) -> None:
        self.wanted: object = None
        self.monitor: Monitor | None = None

    def use(self, budgets: bool | tuple[str, ...], interval: float = 1.0) -> None:  # noqa: FBT001 - a setting
        """Run a monitor of all budgets, or of these names or globs; False stops it."""
        wanted = (budgets, interval) if budgets else None
        # An equal monitor continues: a restart would lose the samples of its windows.
        if wanted == self.wanted:
            return
        if self.monitor is not None:
            self.monitor.stop()
        self.wanted, self.monitor = wanted, None
        if budgets:
            names = budgets if isinstance(budgets, tuple) else ()
            self.monitor = monitor(*names, interval=interval)
            self.monitor.start()


monitoring: Final = Monitoring()
"""The monitoring of the process."""


_NOT_SET: Final = CatalogSettings()


def assemble(  # noqa: PLR0913 - the arguments of `configure`, all but the first two by name
    catalog: Catalog,
    arguments: CatalogSettings = _NOT_SET,
    *,
    sinks: Sequence[SinkChoice] | None = None,
    telemetry: Telemetry | Literal["otlp"] | None = None,
    observers: Sequence[Observer] = (),
    clock: Clock | None = None,
    routes: Sequence[Route] | None = None,
) -> Settings:
    """Return settings from the arguments, the environment, the catalog and the defaults.

    A source that is earlier in this order has precedence. `arguments` are those of `configure`
    that a catalog may set too, except `sinks`.

    Raises:
        ConfigurationError: If a setting or a sink cannot be used.
        MissingExtraError: If an optional package is needed and not installed.
    """
    chosen = chosen_settings(arguments, read_variables(os.environ), catalog.settings)
    providers = _providers(telemetry)
    clock = clock or SystemClock()
    in_background = chosen.delivery == "background"
    registry = SinkRegistry(catalog, providers, clock, in_background=in_background)
    overhead_limit = OverheadLimit(chosen.max_overhead, clock)
    is_all = chosen.routing == "all"
    router = make_router(
        catalog, registry, sinks, routes, matches_all=is_all, environment=chosen.environment
    )
    return Settings(
        catalog=catalog,
        router=router,
        find_sink=registry.find,
        wrap_sink=registry.wrap_layers,
        environment=chosen.environment,
        observers=tuple(observers),
        telemetry=Reporting(providers),
        find_probes=_find_probes,
        clock=clock,
        spans=chosen.spans,
        unknown_budgets=chosen.unknown_budgets,
        is_enabled=chosen.enabled,
        captures=CaptureRegistry(chosen.evidence_interval, clock, overhead_limit),
        overhead_limit=overhead_limit,
        attributes=any("children" in budget.evidence for budget in catalog.budgets),
        begin=lambda: monitoring.use(chosen.monitor, chosen.monitor_interval),
    )


def chosen_settings(*sources: CatalogSettings) -> Any:
    """Return each setting from the first source with a value, else its default."""
    is_test = is_under_pytest()
    chosen: dict[str, Any] = {}
    for name, field in SETTINGS.items():
        default = field.under_pytest if is_test else None
        values = (*(getattr(source, name) for source in sources), default, field.default)
        chosen[name] = next((value for value in values if value is not None), None)
    if chosen["environment"] is None:
        chosen["environment"] = _environment_of_resource()
    return CatalogSettings(**chosen)


def _environment_of_resource() -> str:
    # Values are percent-encoded there, as the OpenTelemetry specification requires.
    written = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    pairs = dict(pair.partition("=")[::2] for pair in written.split(","))
    found = (pairs.get(key, "").strip() for key in _ENVIRONMENT_KEYS)
    return next((unquote(name) for name in found if name), "")


_ENVIRONMENT_KEYS: Final = ("deployment.environment.name", "deployment.environment")


def _find_probes() -> tuple[Probe, ...]:
    """Return every probe; loads psutil, tracemalloc and cProfile."""
    from perfkit.probes.call_profile import CallProfileProbe  # noqa: PLC0415 - loads cProfile
    from perfkit.probes.disk import DiskProbe  # noqa: PLC0415 - loads psutil
    from perfkit.probes.gc import GcProbe  # noqa: PLC0415 - for probed calls only
    from perfkit.probes.heap import HeapProbe  # noqa: PLC0415 - loads tracemalloc
    from perfkit.probes.heap_sites import HeapSitesProbe  # noqa: PLC0415 - likewise
    from perfkit.probes.process import CountsProbe, ResidentMemoryProbe  # noqa: PLC0415 - loads psutil
    from perfkit.probes.stack import StackProbe  # noqa: PLC0415 - for evidence only

    # Probes start in this order and stop in the reverse order.
    return (
        ResidentMemoryProbe(),
        DiskProbe(),
        CountsProbe(),
        # Before `HeapProbe`, which would start tracemalloc with short tracebacks.
        HeapSitesProbe(),
        HeapProbe(),
        StackProbe(),
        GcProbe(),
        CpuTimeProbe(),
        # Last to start and first to stop: it would profile the other probes.
        CallProfileProbe(),
    )


def _providers(telemetry: Telemetry | Literal["otlp"] | None) -> Telemetry:
    if telemetry is None:
        return Telemetry()
    if isinstance(telemetry, Telemetry):
        return telemetry
    if telemetry != "otlp":
        raise ConfigurationError(
            f'telemetry is {telemetry!r}; give "otlp", or Telemetry(...) with your providers'
        )
    from perfkit.otel.setup import set_up_from_environment  # noqa: PLC0415 - loads the SDK

    return set_up_from_environment()


def is_under_pytest() -> bool:
    """Return whether this process is a pytest session."""
    # Both conditions: a program that a test starts inherits the variable and is not a test, and an
    # application may import pytest.
    return "PYTEST_VERSION" in os.environ and "pytest" in sys.modules
