"""The settings object, replaced atomically, and the generation number of its plans.

Every callsite caches its plan with the generation it was made under. Another generation means that
the plan is outdated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import field, frozen

from perfkit.catalog import Catalog
from perfkit.errors import UnknownBudgetError
from perfkit.evaluation.bulk_counter import BulkCounter
from perfkit.model import Clock, Observer, Probe, Sink
from perfkit.runtime import internal_errors
from perfkit.runtime.evidence_capture import CaptureRegistry
from perfkit.runtime.overhead_limit import OverheadLimit
from perfkit.runtime.state import state

if TYPE_CHECKING:
    from perfkit.otel.metrics import CallRecorder
    from perfkit.otel.reporting import Reporting
    from perfkit.otel.spans import Tracing
    from perfkit.sinks import Router


@frozen(kw_only=True, eq=False)
class CallReporting:
    """The telemetry of the calls of one callsite: bulk counts, single calls, and spans."""

    bulk_counter: BulkCounter | None = None
    recorder: CallRecorder | None = None
    tracing: Tracing | None = None


@frozen(kw_only=True, eq=False)
class Settings:
    """The inputs of a plan.

    Args:
        catalog: The budgets.
        router: Chooses the sinks of a violation.
        find_sink: Turns a sink's name into a sink; raises ConfigurationError.
        wrap_sink: Adds the delivery layers to a sink that was made in code.
        observers: Observers of the application.
        telemetry: Reports to the OpenTelemetry providers that are set.
        find_probes: Returns the available probes; imports their dependencies.
        clock: The clock for calls and windows.
        spans, unknown_budgets, is_enabled, environment: As in `CatalogSettings`, never None.
        captures: Arms calls to gather evidence after a violation.
        overhead_limit: Limits the cost of evidence and of memory tracing.
        attributes: Whether each call reports its cost to the enclosing call.
        begin: Called when the settings are in force.
    """

    catalog: Catalog
    router: Router
    find_sink: Callable[[str], Sink]
    wrap_sink: Callable[[Sink], Sink]
    observers: tuple[Observer, ...]
    telemetry: Reporting
    find_probes: Callable[[], tuple[Probe, ...]]
    clock: Clock
    spans: str
    unknown_budgets: str
    is_enabled: bool
    captures: CaptureRegistry
    overhead_limit: OverheadLimit
    attributes: bool = False
    environment: str = ""
    begin: Callable[[], object] = field(default=lambda: None)


def current() -> Settings:
    """Return the settings in force; make the default at first use.

    Raises:
        RuntimeError: If no default is registered; importing perfkit registers it.
    """
    # Read without the lock first: the object is replaced in one step and never modified.
    settings = state.settings
    if settings is not None:
        return settings
    with state.lock:
        if state.settings is None:
            if state.make_default is None:
                raise RuntimeError("perfkit is not assembled; import perfkit, not a part of it")
            state.settings = state.make_default()
            state.revision = state.settings.telemetry.revision()
            state.settings.begin()
        return state.settings


def replace(settings: Settings | None) -> Settings | None:
    """Replace the settings of the process; None means the default. Return the old settings."""
    with state.lock:
        before = state.settings
        state.settings = settings
        state.revision = 0 if settings is None else settings.telemetry.revision()
        state.generation += 1
    if settings is not None:
        settings.begin()
    return before


def complain_of(name: str, now: Settings) -> None:
    """Warn once that no budget is called `name`; raise or ignore if configured so.

    Raises:
        UnknownBudgetError: If ``unknown_budgets`` is ``"raise"``.
    """
    if now.unknown_budgets == "ignore":
        return
    nearest = now.catalog.nearest(name)
    source = now.catalog.source or "the catalog"
    hint = f"did you mean {nearest!r}?" if nearest else f"add [budgets.{name}] to it"
    message = f"budget {name!r} is not in {source}; {hint}"
    if now.unknown_budgets == "raise":
        raise UnknownBudgetError(message)
    internal_errors.warn_once(
        ("unknown budget", name), "perfkit: %s; until then it has no limits", message
    )
