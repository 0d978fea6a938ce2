"""Configure perfkit from code, environment variables and the catalog."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import evolve

from perfkit.assembly.defaults import ConfigureOptions, assemble, is_under_pytest
from perfkit.assembly.process_monitor import monitoring
from perfkit.catalog import Catalog, find_catalog, load_catalog
from perfkit.catalog.settings import SETTINGS, read_in_code
from perfkit.errors import CatalogError, ConfigurationError
from perfkit.model import Clock, Observer, Route
from perfkit.otel.telemetry import Telemetry
from perfkit.runtime import internal_errors, settings, window_registry
from perfkit.runtime.settings import Settings
from perfkit.runtime.state import state
from perfkit.sinks.flushing import close_sinks

if TYPE_CHECKING:
    from perfkit.instruments.options import SinkChoice, Spans

_LONGEST_CLOSE_SECONDS: Final = 1.0

CATALOG_VARIABLE: Final = "PERFKIT_CATALOG"

UnknownBudgets = Literal["warn", "raise", "ignore"]


def configure(  # noqa: PLR0913 - each argument is one setting, all but the first by name
    catalog: str | os.PathLike[str] | Catalog | None = None,
    *,
    sinks: SinkChoice | Sequence[SinkChoice] | None = None,
    spans: Spans | None = None,
    enabled: bool | None = None,
    telemetry: Telemetry | Literal["otlp"] | None = None,
    unknown_budgets: UnknownBudgets | None = None,
    observers: Sequence[Observer] = (),
    clock: Clock | None = None,
    monitor: bool | str | Sequence[str] | None = None,
    monitor_interval: str | float | None = None,
    evidence_interval: str | float | None = None,
    max_overhead: str | float | None = None,
    routes: Sequence[Route] | None = None,
    routing: Literal["first", "all"] | None = None,
    delivery: Literal["background", "inline"] | None = None,
    environment: str | None = None,
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
        monitor: Hold the process to budgets, as `perfkit.monitor` does, from now until the next
            `configure` or `reset`: True, the name of a budget, or several names or globs.
        monitor_interval: Between its samples, ``"1s"`` (default) or seconds.
        evidence_interval: At most one call of a budget gathers evidence in this time, ``"1m"``
            (default) or seconds.
        max_overhead: Share of wall time, ``"1%"`` (default) or a number above 0, that gathering
            evidence and tracing memory may take; what goes beyond is left out. ``"100%"``, the
            default under pytest, means that nothing is.
        routes: Which violations go to which sinks; replace those of the catalog.
        routing: ``"first"`` (default): the first route that matches counts; ``"all"``: all do.
        delivery: ``"background"``: each sink has a queue and a thread of its own, so that no call
            waits for it; ``"inline"``, the default under pytest: it works in the thread of the call
            that broke its budget, so that it is done when that returns. The raise sink is always
            inline, and a ``background`` of the sink itself counts more.
        environment: Where the application runs, such as ``"production"``, for routes and sinks.
            Default: ``deployment.environment.name`` in ``OTEL_RESOURCE_ATTRIBUTES``.

    Raises:
        CatalogError: If the catalog cannot be read; it lists every problem.
        ConfigurationError: If a setting or a sink cannot be used.
        MissingExtraError: If something optional is needed and not installed.

    Safe from any thread. Calls in flight end as they began.
    """
    arguments = locals()
    found = catalog if isinstance(catalog, Catalog) else _read(catalog)
    options = ConfigureOptions(
        settings=read_in_code({name: arguments.get(name) for name in SETTINGS if name != "sinks"}),
        sinks=_several(sinks),
        telemetry=telemetry,
        observers=observers,
        clock=clock,
        routes=routes,
    )
    settings.replace(assemble(found, options))


def reset() -> None:
    """Forget what `configure` said: the defaults hold again, and the catalog is read anew."""
    internal_errors.forget()
    monitoring.use(None)
    state.attributing.clear()
    settings.replace(None)
    window_registry.forget()
    close_sinks(_LONGEST_CLOSE_SECONDS)


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
        if before is None:
            monitoring.use(None)
        settings.replace(before)


def set_enabled(enabled: bool) -> AbstractContextManager[None]:  # noqa: FBT001 - its one argument
    """Turn measuring on or off in the whole process; every other setting stays.

    As a function it acts until the next call of it or of `configure`. As a context manager it
    restores the former state at the end of the ``with`` block, unless `configure` was called
    in it. Safe from any thread.

    Raises:
        ConfigurationError: If `enabled` is neither True nor False.

    >>> import perfkit
    >>> with perfkit.set_enabled(False):
    ...     pass
    """
    if not isinstance(enabled, bool):
        raise ConfigurationError(f"enabled is {enabled!r}; write True or False")
    before = settings.current()
    settings.replace(evolve(before, is_enabled=enabled))
    return _restored(before.is_enabled, state.settings)


def _several(sinks: Any) -> Any:
    """Return one name, callable or sink as a list of it, and anything else as it is."""
    is_one = isinstance(sinks, str) or callable(sinks) or hasattr(sinks, "emit")
    return (sinks,) if is_one else sinks


@contextmanager
def _restored(enabled: bool, expected: Settings | None) -> Iterator[None]:  # noqa: FBT001 - of set_enabled
    try:
        yield
    finally:
        if state.settings is expected and expected is not None:
            settings.replace(evolve(expected, is_enabled=enabled))


def make_default() -> Settings:
    """Return the settings of a process that never called `configure`.

    A catalog that cannot be read must not break production: it is logged, and nothing of it used.
    """
    try:
        return assemble(_read(None), ConfigureOptions())
    except (CatalogError, ConfigurationError) as error:
        if is_under_pytest():
            raise
        problems = CatalogError(str(error).splitlines())  # each of which is logged on a line
        internal_errors.warn_once("catalog", "perfkit: the catalog is not used:\n%s", problems)
        return assemble(Catalog(), ConfigureOptions())


def _read(path: str | os.PathLike[str] | None) -> Catalog:
    written = path or os.environ.get(CATALOG_VARIABLE)
    found = find_catalog() if not written else Path(written)
    return Catalog() if found is None else load_catalog(found)
