"""The one module that names concrete defaults, and so the home of `configure`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from perfkit.catalog import Catalog, find_catalog, load_catalog
from perfkit.errors import CatalogError, ConfigurationError
from perfkit.instruments.request import as_sink
from perfkit.model import Clock, Observer, Probe, Sink
from perfkit.otel.reporting import Reporting
from perfkit.otel.telemetry import Telemetry
from perfkit.probes.clock import CpuTimeProbe, SystemClock
from perfkit.runtime import faults, settings
from perfkit.runtime.plan import known_lines
from perfkit.runtime.settings import Settings
from perfkit.runtime.state import state
from perfkit.sinks import JsonLinesSink, LogSink, RaiseSink, Router

if TYPE_CHECKING:
    from perfkit.instruments.request import SinkChoice, Spans

UnknownBudgets = Literal["warn", "raise", "ignore"]

DEFAULT_SINKS: Final = ("log", "otel")
ENTRY_POINTS: Final = "perfkit.sinks"


def configure(  # noqa: PLR0913 - each argument is one setting, all but the first by name
    catalog: str | os.PathLike[str] | Catalog | None = None,
    *,
    sinks: Sequence[SinkChoice] | None = None,
    spans: Spans | None = None,
    enabled: bool | None = None,
    telemetry: Telemetry | Literal["otlp"] | None = None,
    unknown_budgets: UnknownBudgets | None = None,
    observers: Sequence[Observer] = (),
    clock: Clock | None = None,
) -> None:
    """Say how perfkit works from now on, everywhere in this process and at once.

    What is not given comes from the catalog's ``[settings]``, then from the defaults. Without any
    call of `configure` that holds too, so an application that has a ``perfkit.toml`` needs none.

    Args:
        catalog: The path of a catalog file, a `Catalog`, or None to look for ``perfkit.toml`` or
            ``[tool.perfkit]`` in ``pyproject.toml``, upwards from the working directory.
        sinks: Where violations go that no route and no budget sends elsewhere: names, callables of
            one violation, or sinks. Default: the log and OpenTelemetry events.
        spans: ``"always"`` (default), ``"violations"`` or ``"never"``.
        enabled: False turns all measuring off. Default True.
        telemetry: The providers to report to; None means those that the application sets globally.
            ``"otlp"`` sets the OpenTelemetry SDK up from the standard ``OTEL_*`` variables.
        unknown_budgets: What to do about a name that is not in the catalog: ``"warn"`` once and
            measure without limits (default), ``"raise"`` (default under pytest), or ``"ignore"``.
        observers: See every call start and stop, beside OpenTelemetry.
        clock: Tells the time; for tests.

    Raises:
        CatalogError: If the catalog cannot be read; it lists every problem.
        ConfigurationError: If a setting or a sink cannot be used.
        MissingExtraError: If something optional is needed and not installed.

    Safe from any thread. Calls in flight end as they began.
    """
    found = catalog if isinstance(catalog, Catalog) else _read(catalog)
    settings.replace(
        _assemble(
            found,
            sinks=sinks,
            spans=spans,
            enabled=enabled,
            telemetry=telemetry,
            unknown_budgets=unknown_budgets,
            observers=observers,
            clock=clock,
        )
    )


def reset() -> None:
    """Forget what `configure` said: the defaults hold again, and the catalog is read anew."""
    faults.forget()
    settings.replace(None)


@contextmanager
def override(
    catalog: str | os.PathLike[str] | Catalog | None = None, **changes: Any
) -> Iterator[None]:
    """Do as `configure` within a ``with`` block, and put back what was there on leaving it.

    Arguments and errors are as for `configure`. It acts on the whole process: not for two threads
    at once.
    """
    before = state.settings
    configure(catalog, **changes)
    try:
        yield
    finally:
        settings.replace(before)


def _read(path: str | os.PathLike[str] | None) -> Catalog:
    found = Path(path) if path is not None else find_catalog()
    return Catalog() if found is None else load_catalog(found)


def make_default() -> Settings:
    """Return the settings of a process that never called `configure`.

    A catalog that cannot be read must not break production: it is logged, and nothing of it used.
    """
    try:
        return _assemble(_read(None))
    except (CatalogError, ConfigurationError) as error:
        if _is_under_pytest():
            raise
        faults.warn_once("catalog", "perfkit: the catalog is not used:\n%s", error)
        return _assemble(Catalog())


def _assemble(  # noqa: PLR0913 - as for configure
    catalog: Catalog,
    *,
    sinks: Sequence[SinkChoice] | None = None,
    spans: str | None = None,
    enabled: bool | None = None,
    telemetry: Telemetry | Literal["otlp"] | None = None,
    unknown_budgets: str | None = None,
    observers: Sequence[Observer] = (),
    clock: Clock | None = None,
) -> Settings:
    said = catalog.settings
    providers = _providers(telemetry)
    shelf = SinkShelf(catalog, providers)
    chosen = sinks if sinks is not None else (said.sinks or DEFAULT_SINKS)
    return Settings(
        catalog=catalog,
        router=_route(catalog, chosen, shelf),
        find_sink=shelf.find,
        observers=tuple(observers),
        telemetry=Reporting(providers, known_lines, faults.counts),
        find_probes=_find_probes,
        clock=clock or SystemClock(),
        spans=_one_of("spans", spans or said.spans or "always", ("always", "violations", "never")),
        unknown_budgets=_one_of(
            "unknown_budgets",
            unknown_budgets or said.unknown_budgets or _default_for_unknown(),
            ("warn", "raise", "ignore"),
        ),
        is_enabled=enabled if enabled is not None else said.enabled is not False,
    )


def _route(catalog: Catalog, chosen: Sequence[SinkChoice], shelf: SinkShelf) -> Router:
    """Build the router, with every sink that the catalog names; report all unknown ones at once."""
    names = {name for route in catalog.routes for name in route.sinks}
    names |= {name for budget in catalog.budgets for name in budget.sinks or ()}
    default = [as_sink(sink) for sink in chosen]
    names |= {sink for sink in default if isinstance(sink, str)}
    by_name, problems = {}, []
    for name in sorted(names):
        try:
            by_name[name] = shelf.find(name)
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Router(
        by_name=by_name,
        default=tuple(by_name[sink] if isinstance(sink, str) else sink for sink in default),
        routes=catalog.routes,
    )


class SinkShelf:
    """Finds a sink by its name: declared in the catalog, built in, or brought by another package.

    Each name gives one sink, made when it is first asked for.

    Args:
        catalog: Whose ``[sinks.NAME]`` tables count.
        telemetry: Where the sink ``otel`` reports to.
    """

    def __init__(self, catalog: Catalog, telemetry: Telemetry) -> None:
        self._source = catalog.source
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._telemetry = telemetry
        self._made: dict[str, Sink] = {}

    def find(self, name: str) -> Sink:
        """Return the sink called `name`.

        Raises:
            ConfigurationError: If there is none, or it cannot be made from its options.
        """
        if name not in self._made:
            declared = self._declared.get(name)
            kind = declared.type if declared else name
            self._made[name] = self._make(name, kind, declared.options if declared else {})
        return self._made[name]

    def _make(self, name: str, kind: str, options: Mapping[str, Any]) -> Sink:
        make = self._factories().get(kind) or _plugged_in(kind)
        if make is None:
            known = ", ".join(sorted({*self._factories(), *self._declared}))
            raise ConfigurationError(f"no sink is called {name!r}; there are {known}")
        try:
            return make(**options)
        except Exception as error:
            place = f"{self._source}: sinks.{name}" if self._source else f"sink {name!r}"
            raise ConfigurationError(f"{place}: {error}") from error

    def _factories(self) -> dict[str, Callable[..., Sink]]:
        return {
            "log": LogSink,
            "raise": RaiseSink,
            "jsonl": _jsonl,
            "otel": self._event_sink,
        }

    def _event_sink(self) -> Sink:
        from perfkit.otel.events import EventSink  # noqa: PLC0415 - loads the logs API

        return EventSink(self._telemetry)


def _jsonl(path: str = "perfkit-violations.jsonl") -> Sink:
    return JsonLinesSink(path)


def _plugged_in(kind: str) -> Callable[..., Sink] | None:
    for entry_point in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            loaded: Callable[..., Sink] = entry_point.load()
        except Exception as error:
            raise ConfigurationError(
                f"the sink {kind!r} of {entry_point.value} cannot be loaded: {error}"
            ) from error
        return loaded
    return None


def _find_probes() -> tuple[Probe, ...]:
    """Return every probe there is, loading psutil, tracemalloc and cProfile now."""
    from perfkit.probes.call_profile import CallProfileProbe  # noqa: PLC0415 - loads cProfile
    from perfkit.probes.heap import HeapProbe  # noqa: PLC0415 - loads tracemalloc
    from perfkit.probes.process import ResidentMemoryProbe  # noqa: PLC0415 - loads psutil

    return (ResidentMemoryProbe(), HeapProbe(), CpuTimeProbe(), CallProfileProbe())


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


def _default_for_unknown() -> UnknownBudgets:
    return "raise" if _is_under_pytest() else "warn"


def _is_under_pytest() -> bool:
    return "PYTEST_VERSION" in os.environ and "pytest" in sys.modules


def _one_of(setting: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ConfigurationError(f"{setting} is {value!r}; write {' or '.join(map(repr, allowed))}")
    return value
