"""The settings object, replaced atomically, and the generation number of its plans.

Every callsite caches its plan with the generation it was made under. Another generation means that
the plan is outdated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

from perfkit.catalog import Catalog
from perfkit.errors import UnknownBudgetError
from perfkit.evaluation import BulkCounter
from perfkit.model import (
    Budget,
    Clock,
    CodeLocation,
    Evidence,
    Limit,
    Measurement,
    Observer,
    Outcome,
    Probe,
    Sink,
    SpanIds,
    State,
    Verdict,
)
from perfkit.runtime import internal_errors
from perfkit.runtime.evidence_capture import CaptureRegistry
from perfkit.runtime.overhead_limit import OverheadLimit
from perfkit.runtime.state import state

if TYPE_CHECKING:
    from perfkit.sinks import Router


class RunningSpan(Protocol):
    """A span of a call, perhaps current."""

    def end(
        self,
        elapsed_ns: int,
        state: State | None,
        *,
        error_type: str = "",
        is_cancelled: bool = False,
        evidence: Sequence[Evidence] = (),
    ) -> None:
        """Set the result of the call as attributes, and end the span.

        Args:
            elapsed_ns: The call's duration, and the span's.
            state: The worst verdict; None where there is none.
            error_type: The exception's class, where the call did not end well.
            is_cancelled: Whether the call was cancelled.
            evidence: The evidence for its cost.
        """

    def suspend(self) -> None:
        """Detach the span from the context while the consumer of a generator runs."""

    def resume(self) -> None:
        """Attach the span to the context again."""

    def ids(self) -> SpanIds | None:
        """Return the span's ids as text; None where they are not valid."""


class Tracing(Protocol):
    """Makes the spans of one callsite."""

    @property
    def is_late(self) -> bool:
        """Whether spans are made after the call, where it broke its budget."""

    def start(self, started_ns: int | None = None) -> RunningSpan:
        """Make a span and make it current; None means that it starts now."""

    def start_late(self, started_ns: int) -> RunningSpan:
        """Return a span that is made at its end, if the call violated its budget."""

    def make_late(self, started_ns: int) -> RunningSpan:
        """Make the span of a call that has ended; `started_ns` is since the Unix epoch."""


class Recorder(Protocol):
    """Records single calls of one budget."""

    def record(self, outcome: Outcome, elapsed_ns: int) -> None:
        """Record one call of which only the duration was measured, and its verdicts."""

    def record_measurement(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> None:
        """Record one call of which more was measured."""


@frozen(kw_only=True, eq=False)
class CallReporting:
    """The telemetry of the calls of one callsite; None without a provider.

    Args:
        bulk_counter: Counts calls in bulk.
        recorder: Records call by call.
        tracing: Makes spans.
    """

    bulk_counter: BulkCounter | None = None
    recorder: Recorder | None = None
    tracing: Tracing | None = None


class Telemetry(Protocol):
    """Reports to OpenTelemetry, as far as providers are set."""

    def reporting_for(
        self, budget: Budget, where: CodeLocation, owner: object = None, *, is_duration_only: bool
    ) -> CallReporting:
        """Return the telemetry of calls, as far as there are providers.

        Args:
            budget: The budget of the calls.
            where: The code location.
            owner: Calls of another owner are counted separately, and reported together.
            is_duration_only: Whether only the duration is measured.
        """

    def revision(self) -> int:
        """Return a number that changes when the application sets another provider. Cheap."""

    def current_span(self) -> SpanIds | None:
        """Return the span that the application made current; None where there is none."""

    def is_settled(self) -> bool:
        """Return whether `revision` is final."""

    def count_window(self, budget: Budget, limit: Limit, state: State) -> None:
        """Count one evaluation of a limit over a window."""

    def observe_process(self, totals: Callable[[], Any]) -> None:
        """Report the process from now on, unless another instrumentation does.

        Args:
            totals: Returns the process's counters; None without a running monitor.
        """


@frozen(kw_only=True, eq=False)
class Settings:
    """The inputs of a plan.

    Args:
        catalog: The budgets.
        router: Chooses the sinks of a violation.
        find_sink: Turns a sink's name into a sink; raises ConfigurationError.
        wrap_sink: Adds the delivery layers to a sink that was made in code.
        environment: The deployment environment, such as ``"production"``; empty if not set.
        observers: Observers of the application.
        telemetry: Observers for OpenTelemetry.
        find_probes: Returns the available probes; imports their dependencies.
        clock: The clock for calls and windows.
        spans: ``"always"``, ``"violations"`` or ``"never"``, where budget and category are silent.
        unknown_budgets: ``"warn"``, ``"raise"`` or ``"ignore"``.
        is_enabled: Whether anything is measured.
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
    telemetry: Telemetry
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
