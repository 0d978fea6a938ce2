"""Configure perfkit from code, environment variables and the catalog."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import evolve

from perfkit.assembly.defaults import assemble, is_under_pytest, monitoring
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
    """Replace the settings of the whole process, at once.

    A setting without an argument is read from its environment variable (``PERFKIT_ENABLED``,
    ``PERFKIT_ENVIRONMENT``), then from the catalog's ``[settings]``, then from the defaults, also
    without a call of `configure`: an application with a ``perfkit.toml`` needs none.

    Args:
        catalog: The path of a catalog file, a `Catalog`, or None to look for ``perfkit.toml`` or
            ``[tool.perfkit]`` in ``pyproject.toml``, upwards from the working directory.
        sinks: The sinks of violations that no route and no budget sends elsewhere: names, callables
            with one violation as argument, or sinks. Default: the log and OpenTelemetry events.
        spans: ``"always"`` (default), ``"violations"`` or ``"never"``.
        enabled: False turns off all measurements. Default True.
        telemetry: The providers to report to; None means those that the application sets globally.
            ``"otlp"`` sets the OpenTelemetry SDK up from the standard ``OTEL_*`` variables.
        unknown_budgets: The reaction to a name that is not in the catalog: ``"warn"`` once and
            measure without limits (default), ``"raise"`` (default under pytest), or ``"ignore"``.
        observers: Objects that are notified of the start and the end of every call.
        clock: Returns the time; for tests.
        monitor: Monitor the process against budgets, as `perfkit.monitor` does, until the next
            `configure` or `reset`: True, the name of a budget, or several names or globs.
        monitor_interval: Time between its samples, ``"1s"`` (default) or seconds.
        evidence_interval: At most one call of a budget gathers evidence in this time, ``"1m"``
            (default) or seconds.
        max_overhead: Maximum share of wall time for evidence and memory tracing, ``"1%"`` (default)
            or a number above 0; ``"100%"``, the default under pytest, does not limit it.
        routes: Select the sinks of violations; replace the routes of the catalog.
        routing: ``"first"`` (default): the first route that matches is used; ``"all"``: all are.
        delivery: ``"background"`` (default): each sink has a queue and a thread. ``"inline"``, the
            default under pytest: a sink runs in the thread of the call that broke its budget,
            before the call returns. The raise sink is always inline, and the ``background`` option
            of a sink has precedence.
        environment: The environment of the application, such as ``"production"``, for routes and
            sinks. Default: ``deployment.environment.name`` in ``OTEL_RESOURCE_ATTRIBUTES``.

    Raises:
        CatalogError: If the catalog cannot be read; it lists every problem.
        ConfigurationError: If a setting or a sink cannot be used.
        MissingExtraError: If something optional is needed and not installed.

    Safe from any thread. Calls that are running end under the settings of their start.
    """
    # Before any other statement, so that these are the arguments alone.
    arguments = locals()
    found = catalog if isinstance(catalog, Catalog) else _read(catalog)
    assembled = assemble(
        found,
        read_in_code({name: arguments.get(name) for name in SETTINGS if name != "sinks"}),
        sinks=_several(sinks),
        telemetry=telemetry,
        observers=observers,
        clock=clock,
        routes=routes,
    )
    settings.replace(assembled)


def reset() -> None:
    """Restore the default settings; the next measured call reads the catalog again.

    Sinks are flushed and closed, for at most 1 second.
    """
    internal_errors.forget()
    monitoring.use(budgets=False)
    state.attributing.clear()
    settings.replace(None)
    window_registry.forget()
    close_sinks(_LONGEST_CLOSE_SECONDS)


@contextmanager
def override(
    catalog: str | os.PathLike[str] | Catalog | None = None, **changes: Any
) -> Iterator[None]:
    """Apply `configure` within a ``with`` block, and restore the former settings at its end.

    Arguments and errors are those of `configure`. The change is in force in the whole process, so
    two threads must not use this at once.
    """
    before = state.settings
    configure(catalog, **changes)
    try:
        yield
    finally:
        # Default settings are made on demand, and their monitor starts then. Until then the monitor
        # of the block must not run.
        if before is None:
            monitoring.use(budgets=False)
        settings.replace(before)


def set_enabled(enabled: bool) -> AbstractContextManager[None]:  # noqa: FBT001 - its one argument
    """Turn measurements on or off in the whole process, and leave every other setting unchanged.

    Called as a function, it is in force until its next call or that of `configure`. As a context
    manager it restores the former state at the end of the ``with`` block, unless `configure` was
    called in the block. Safe from any thread.

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
    """Return a tuple for one name, callable or sink, and any other object unchanged."""
    is_one = isinstance(sinks, str) or callable(sinks) or hasattr(sinks, "emit")
    return (sinks,) if is_one else sinks


@contextmanager
def _restored(enabled: bool, expected: Settings | None) -> Iterator[None]:  # noqa: FBT001 - of set_enabled
    try:
        yield
    finally:
        # Other settings are those of a `configure` in the block, which has precedence.
        if state.settings is expected and expected is not None:
            settings.replace(evolve(expected, is_enabled=enabled))


def make_default() -> Settings:
    """Return the settings of a process that never called `configure`.

    The problems of a catalog that cannot be read are logged, and none of it is used. Under pytest
    they are raised.
    """
    # The first measured call runs this, so an error of the catalog must not break production.
    try:
        return assemble(_read(None))
    except (CatalogError, ConfigurationError) as error:
        if is_under_pytest():
            raise
        problems = CatalogError(str(error).splitlines())  # each of which is logged on a line
        internal_errors.warn_once("catalog", "perfkit: the catalog is not used:\n%s", problems)
        return assemble(Catalog())


def _read(path: str | os.PathLike[str] | None) -> Catalog:
    written = path or os.environ.get(CATALOG_VARIABLE)
    found = find_catalog() if not written else Path(written)
    return Catalog() if found is None else load_catalog(found)
