"""From what was said, in code and in the catalog, to settings: the concrete defaults are here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from attrs import frozen

from perfkit.assembly.chains import SinkChains
from perfkit.assembly.process_monitor import monitoring, wanted_monitor
from perfkit.assembly.router import make_router
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.catalog import Catalog
from perfkit.catalog.settings import DELIVERY, ROUTING, UNKNOWN_BUDGETS
from perfkit.errors import ConfigurationError, UnitError
from perfkit.instruments.monitor import seconds_of
from perfkit.model import Clock, Observer, Probe, Route
from perfkit.otel.reporting import Reporting
from perfkit.otel.telemetry import Telemetry
from perfkit.probes.clock import SystemClock
from perfkit.probes.cpu import CpuTimeProbe
from perfkit.runtime import (
    call,  # noqa: F401 - the first call that breaks a budget is not to wait for it to load
    internal_errors,
    settings,
)
from perfkit.runtime.evidence_capture import CaptureRegistry
from perfkit.runtime.overhead_limit import OverheadLimit
from perfkit.runtime.plan import known_lines
from perfkit.runtime.settings import Settings
from perfkit.sinks import Router
from perfkit.sinks.delivery.stats import stats_registry
from perfkit.units import Unit, parse_quantity

if TYPE_CHECKING:
    from perfkit.instruments.options import SinkChoice

DEFAULT_SINKS: Final = ("log", "otel")
DEFAULT_OVERHEAD: Final = 0.01
DEFAULT_EVIDENCE_SECONDS: Final = 60.0


@frozen(kw_only=True)
class ConfigureOptions:
    """What `configure` was given; None where it was given nothing. See there for each."""

    sinks: Sequence[SinkChoice] | None = None
    spans: str | None = None
    enabled: bool | None = None
    telemetry: Telemetry | Literal["otlp"] | None = None
    unknown_budgets: str | None = None
    observers: Sequence[Observer] = ()
    clock: Clock | None = None
    monitor: bool | str | Sequence[str] | None = None
    monitor_interval: str | float | None = None
    evidence_interval: str | float | None = None
    max_overhead: str | float | None = None
    routes: Sequence[Route] | None = None
    routing: str | None = None
    delivery: str | None = None
    environment: str | None = None


def assemble(catalog: Catalog, options: ConfigureOptions) -> Settings:
    """Return settings from what was asked for, then the catalog, then the defaults.

    Raises:
        ConfigurationError: If a setting or a sink cannot be used.
        MissingExtraError: If something optional is needed and not installed.
    """
    configured = catalog.settings
    providers = _providers(options.telemetry)
    clock = options.clock or SystemClock()
    registry = SinkRegistry(catalog, providers, _chains(catalog, options, clock))
    overhead_limit = _overhead_limit(catalog, options, clock)
    watched = wanted_monitor(
        _first(options.monitor, configured.monitor),
        _first(options.monitor_interval, configured.monitor_interval),
    )
    return Settings(
        catalog=catalog,
        router=_router(catalog, options, registry),
        find_sink=registry.find,
        wrap_sink=registry.wrap_layers,
        environment=_environment(catalog, options),
        observers=tuple(options.observers),
        telemetry=Reporting(
            providers, known_lines, internal_errors.counts, _overhead, stats_registry.totals
        ),
        find_probes=_find_probes,
        clock=clock,
        spans=_one_of(
            "spans",
            options.spans or configured.spans or "always",
            ("always", "violations", "never"),
        ),
        unknown_budgets=_one_of(
            "unknown_budgets",
            options.unknown_budgets or configured.unknown_budgets or _default_for_unknown(),
            UNKNOWN_BUDGETS,
        ),
        is_enabled=options.enabled
        if options.enabled is not None
        else configured.enabled is not False,
        captures=_captures(catalog, options, clock, overhead_limit),
        overhead_limit=overhead_limit,
        attributes=any("children" in budget.evidence for budget in catalog.budgets),
        begin=lambda: monitoring.use(watched),
    )


def _router(catalog: Catalog, options: ConfigureOptions, registry: SinkRegistry) -> Router:
    configured = catalog.settings
    if options.sinks is not None:
        sinks, place = options.sinks, "sinks"
    else:
        sinks, place = _first(configured.sinks, DEFAULT_SINKS), f"{catalog.source}: settings.sinks"
    routing = _one_of("routing", _first(options.routing, configured.routing, "first"), ROUTING)
    return make_router(
        catalog,
        sinks,
        registry,
        options.routes,
        matches_all=routing == "all",
        environment=_environment(catalog, options),
        place=place.removeprefix(": "),
    )


def _chains(catalog: Catalog, options: ConfigureOptions, clock: Clock) -> SinkChains:
    usual = "inline" if is_under_pytest() else "background"
    delivery = _one_of(
        "delivery", _first(options.delivery, catalog.settings.delivery, usual), DELIVERY
    )
    return SinkChains(clock, in_background=delivery == "background")


def _environment(catalog: Catalog, options: ConfigureOptions) -> str:
    named: str = _first(
        options.environment, catalog.settings.environment, _environment_of_resource()
    )
    return named


def _environment_of_resource() -> str:
    """Return what OpenTelemetry's resource calls the environment, where somebody has said it."""
    written = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    pairs = dict(pair.partition("=")[::2] for pair in written.split(","))
    found = (pairs.get(key, "").strip() for key in _ENVIRONMENT_KEYS)
    return next((unquote(name) for name in found if name), "")


_ENVIRONMENT_KEYS: Final = ("deployment.environment.name", "deployment.environment")


def _overhead() -> float:
    """Return the share that perfkit takes under the settings now in force."""
    return settings.current().overhead_limit.overhead()


def _overhead_limit(catalog: Catalog, options: ConfigureOptions, clock: Clock) -> OverheadLimit:
    written = _first(options.max_overhead, catalog.settings.max_overhead, _default_overhead())
    return OverheadLimit(_share(written), clock)


def _captures(
    catalog: Catalog, options: ConfigureOptions, clock: Clock, overhead_limit: OverheadLimit
) -> CaptureRegistry:
    written = _first(
        options.evidence_interval, catalog.settings.evidence_interval, DEFAULT_EVIDENCE_SECONDS
    )
    return CaptureRegistry(seconds_of(written, may_be_zero=True), clock, overhead_limit)


def _first(*choices: Any) -> Any:
    """Return the first that somebody has made."""
    return next((choice for choice in choices if choice is not None), None)


def _share(written: str | float) -> float:
    """Read a share of wall time.

    Raises:
        ConfigurationError: If it cannot be read, or is not above zero.
    """
    try:
        share = parse_quantity(written, Unit.RATIO) if isinstance(written, str) else float(written)
    except (UnitError, TypeError, ValueError) as error:
        raise ConfigurationError(f"max_overhead: {error}") from None
    if not share > 0:
        raise ConfigurationError(f"max_overhead is {share}; write a share above zero, such as 1%")
    return share


def _default_overhead() -> float:
    return 1.0 if is_under_pytest() else DEFAULT_OVERHEAD


def _default_for_unknown() -> str:
    return "raise" if is_under_pytest() else "warn"


def _find_probes() -> tuple[Probe, ...]:
    """Return every probe there is, loading psutil, tracemalloc and cProfile now."""
    from perfkit.probes.call_profile import CallProfileProbe  # noqa: PLC0415 - loads cProfile
    from perfkit.probes.disk import DiskProbe  # noqa: PLC0415 - loads psutil
    from perfkit.probes.gc import GcProbe  # noqa: PLC0415 - for probed calls only
    from perfkit.probes.heap import HeapProbe  # noqa: PLC0415 - loads tracemalloc
    from perfkit.probes.heap_sites import HeapSitesProbe  # noqa: PLC0415 - likewise
    from perfkit.probes.process import CountsProbe, ResidentMemoryProbe  # noqa: PLC0415 - loads psutil
    from perfkit.probes.stack import StackProbe  # noqa: PLC0415 - for evidence only

    return (
        ResidentMemoryProbe(),
        DiskProbe(),
        CountsProbe(),
        HeapSitesProbe(),  # before the other, which would start tracing with short traces
        HeapProbe(),
        StackProbe(),
        GcProbe(),
        CpuTimeProbe(),
        CallProfileProbe(),  # last to start and first to stop: it would see the others
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


def _one_of(setting: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ConfigurationError(f"{setting} is {value!r}; write {' or '.join(map(repr, allowed))}")
    return value


def is_under_pytest() -> bool:
    """Tell whether a test is running, or is about to."""
    return "PYTEST_VERSION" in os.environ and "pytest" in sys.modules
