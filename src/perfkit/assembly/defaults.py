"""From what was said, in code and in the catalog, to settings: the concrete defaults are here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from attrs import frozen

from perfkit.assembly.monitoring import monitoring, wanted_monitor
from perfkit.assembly.routers import make_router
from perfkit.assembly.sink_chains import SinkChains
from perfkit.assembly.sink_shelf import SinkShelf
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
    faults,
    settings,
    short_call,  # noqa: F401 - the first call that breaks a budget is not to wait for it to load
)
from perfkit.runtime.arming import Armory
from perfkit.runtime.governor import Governor
from perfkit.runtime.plan import known_lines
from perfkit.runtime.settings import Settings
from perfkit.sinks import Router
from perfkit.sinks.accounts import book
from perfkit.units import Unit, parse_quantity

if TYPE_CHECKING:
    from perfkit.instruments.request import SinkChoice

DEFAULT_SINKS: Final = ("log", "otel")
DEFAULT_OVERHEAD: Final = 0.01
DEFAULT_EVIDENCE_SECONDS: Final = 60.0


@frozen(kw_only=True)
class Asked:
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


def assemble(catalog: Catalog, asked: Asked) -> Settings:
    """Return settings from what was asked for, then the catalog, then the defaults.

    Raises:
        ConfigurationError: If a setting or a sink cannot be used.
        MissingExtraError: If something optional is needed and not installed.
    """
    said = catalog.settings
    providers = _providers(asked.telemetry)
    clock = asked.clock or SystemClock()
    shelf = SinkShelf(catalog, providers, _chains(catalog, asked, clock))
    governor = _governor(catalog, asked, clock)
    watched = wanted_monitor(
        _first(asked.monitor, said.monitor), _first(asked.monitor_interval, said.monitor_interval)
    )
    return Settings(
        catalog=catalog,
        router=_router(catalog, asked, shelf),
        find_sink=shelf.find,
        adopt_sink=shelf.adopt,
        environment=_environment(catalog, asked),
        observers=tuple(asked.observers),
        telemetry=Reporting(providers, known_lines, faults.counts, _overhead, book.totals),
        find_probes=_find_probes,
        clock=clock,
        spans=_one_of(
            "spans", asked.spans or said.spans or "always", ("always", "violations", "never")
        ),
        unknown_budgets=_one_of(
            "unknown_budgets",
            asked.unknown_budgets or said.unknown_budgets or _default_for_unknown(),
            UNKNOWN_BUDGETS,
        ),
        is_enabled=asked.enabled if asked.enabled is not None else said.enabled is not False,
        armory=_armory(catalog, asked, clock, governor),
        governor=governor,
        attributes=any("children" in budget.evidence for budget in catalog.budgets),
        begin=lambda: monitoring.use(watched),
    )


def _router(catalog: Catalog, asked: Asked, shelf: SinkShelf) -> Router:
    said = catalog.settings
    if asked.sinks is not None:
        sinks, place = asked.sinks, "sinks"
    else:
        sinks, place = _first(said.sinks, DEFAULT_SINKS), f"{catalog.source}: settings.sinks"
    routing = _one_of("routing", _first(asked.routing, said.routing, "first"), ROUTING)
    return make_router(
        catalog,
        sinks,
        shelf,
        asked.routes,
        matches_all=routing == "all",
        environment=_environment(catalog, asked),
        place=place.removeprefix(": "),
    )


def _chains(catalog: Catalog, asked: Asked, clock: Clock) -> SinkChains:
    usual = "inline" if is_under_pytest() else "background"
    delivery = _one_of(
        "delivery", _first(asked.delivery, catalog.settings.delivery, usual), DELIVERY
    )
    return SinkChains(clock, in_background=delivery == "background")


def _environment(catalog: Catalog, asked: Asked) -> str:
    named: str = _first(asked.environment, catalog.settings.environment, _environment_of_resource())
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
    return settings.current().governor.overhead()


def _governor(catalog: Catalog, asked: Asked, clock: Clock) -> Governor:
    written = _first(asked.max_overhead, catalog.settings.max_overhead, _default_overhead())
    return Governor(_share(written), clock)


def _armory(catalog: Catalog, asked: Asked, clock: Clock, governor: Governor) -> Armory:
    written = _first(
        asked.evidence_interval, catalog.settings.evidence_interval, DEFAULT_EVIDENCE_SECONDS
    )
    return Armory(seconds_of(written, may_be_zero=True), clock, governor)


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
    from perfkit.probes.collector import GcProbe  # noqa: PLC0415 - for probed calls only
    from perfkit.probes.disk import DiskProbe  # noqa: PLC0415 - loads psutil
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
