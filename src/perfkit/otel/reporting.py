"""Build the telemetry of each place for the OpenTelemetry providers that are set."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Tracer

from perfkit.evaluation import BulkCounter
from perfkit.model import Budget, CodeLocation, Limit, Metric, State
from perfkit.otel import providers, spans
from perfkit.otel.buckets import bounds_for
from perfkit.otel.counter_registry import counter_registry
from perfkit.otel.metrics import (
    CallRecorder,
    Instruments,
    ThresholdsNs,
    count_window,
    instruments_of,
)
from perfkit.otel.process import Totals, observe_process
from perfkit.otel.providers import SCOPE, ExportMode
from perfkit.otel.self_metrics import Accounts, Faults, Overhead, SelfMetrics
from perfkit.otel.spans import Tracing
from perfkit.otel.telemetry import Telemetry
from perfkit.runtime.settings import CallReporting


class Reporting:
    """Builds telemetry for the providers that are set at present. Safe from any thread.

    Args:
        telemetry: The providers; None in a field means the application's global provider.
        lines: Returns the targets and thresholds of a metric, which become bucket bounds.
        internal_errors: Returns the number of failures of each part of perfkit.
        overhead: Returns the share of wall time that perfkit uses, from 0 to 1.
        counts_of_readers: Returns the delivery counts of each sink.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        lines: ThresholdsNs,
        internal_errors: Faults,
        overhead: Overhead,
        counts_of_readers: Accounts,
    ) -> None:
        self._telemetry = telemetry
        self._lines = lines
        self._of_itself = SelfMetrics(
            internal_errors=internal_errors, overhead=overhead, counts_of_readers=counts_of_readers
        )
        self._counting: dict[int, Instruments] = {}

    def reporting_for(
        self, budget: Budget, where: CodeLocation, owner: object = None, *, is_duration_only: bool
    ) -> CallReporting:
        """Return the bulk counter, the recorder and the spans of a place.

        Args:
            budget: The budget of the place.
            where: The place in the code.
            owner: Separates the counters of equal budgets; None shares one counter.
            is_duration_only: Whether calls of the place measure only the duration.
        """
        tracer = self._tracer(budget)
        tracing = None if tracer is None else Tracing(tracer, budget, where)
        provider = providers.current_meter_provider(self._telemetry)
        if provider is None:
            return CallReporting(tracing=tracing)
        mode = providers.export_mode_of(provider)
        # Made in any mode: the SDK skips an export, bulk counts included, if it has no instrument.
        instruments = self._instruments(provider)
        bulk_counter = recorder = None
        if mode is not ExportMode.INSTRUMENTS:
            bulk_counter = self._bulk_counter(budget, owner)
        # Memory and CPU time have no bulk counter: instruments record them beside one.
        if mode is not ExportMode.TALLIES or not is_duration_only:
            is_counted = mode is ExportMode.TALLIES
            recorder = CallRecorder(instruments, budget, is_counted_in_bulk=is_counted)
        return CallReporting(bulk_counter=bulk_counter, recorder=recorder, tracing=tracing)

    def _tracer(self, budget: Budget) -> Tracer | None:
        provider = providers.current_tracer_provider(self._telemetry)
        if provider is None or budget.spans == "never":
            return None
        return provider.get_tracer(SCOPE)

    def _bulk_counter(self, budget: Budget, owner: object = None) -> BulkCounter:
        lines = {line for limit in budget.limits for line in (limit.target, limit.threshold)}
        bounds = bounds_for(Metric.DURATION, lines.union(self._lines(Metric.DURATION)))
        return counter_registry.tally_of(budget, bounds, owner)

    def revision(self) -> int:
        """Return a number that changes when the application sets a global provider."""
        return providers.BOTH if self.is_settled() else providers.global_revision()

    def is_settled(self) -> bool:
        """Return whether both providers are set, so that the telemetry cannot change any more."""
        given = self._telemetry.tracer_provider and self._telemetry.meter_provider
        return bool(given) or providers.global_revision() == providers.BOTH

    current_span = staticmethod(spans.current_span_ids)

    def count_window(self, budget: Budget, limit: Limit, state: State) -> None:
        """Count one verdict on a limit over a window."""
        provider = providers.current_meter_provider(self._telemetry)
        if provider is not None:
            # Cached: `instruments_of` first computes the bounds of all histograms, which is slow
            # and which a counter does not need.
            known = self._counting.get(id(provider))
            if known is None:
                known = self._counting[id(provider)] = self._instruments(provider)
            count_window(known, budget, limit, state)

    def observe_process(self, totals: Callable[[], Totals | None]) -> None:
        """Report the process from now on, except metrics that another scope reports."""
        provider = providers.current_meter_provider(self._telemetry)
        if provider is not None:
            observe_process(provider, totals)

    def _instruments(self, provider: MeterProvider) -> Instruments:
        return instruments_of(provider, self._lines, self._of_itself)
