"""Build the telemetry of each place for the OpenTelemetry providers that are set.

The application's providers are looked up and never replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from perfkit.evaluation.bulk_counter import BulkCounter
from perfkit.model import Budget, CodeLocation, Limit, Metric, State
from perfkit.otel import self_metrics, spans
from perfkit.otel.buckets import bounds_for
from perfkit.otel.counter_registry import counter_registry
from perfkit.otel.metrics import BoundsOf, CallRecorder, Instruments, count_window, instruments_of
from perfkit.otel.process import observe_process
from perfkit.otel.telemetry import SCOPE, Telemetry
from perfkit.runtime.settings import CallReporting

if TYPE_CHECKING:  # it loads psutil
    from perfkit.probes.process import ProcessTotals

_BOTH: Final = 3
"""The revision with both a tracer and a meter provider."""


class Reporting:
    """Builds telemetry for the providers that are set at present. Safe from any thread.

    Args:
        telemetry: The providers; None in a field means the application's global provider.
        bounds_of: Returns the targets and thresholds of a metric, which become bucket bounds.
        internal_errors: Returns the number of failures of each part of perfkit.
        overhead: Returns the share of wall time that perfkit uses, from 0 to 1.
        sink_totals: Returns the delivery counts of each sink.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        bounds_of: BoundsOf,
        internal_errors: self_metrics.InternalErrors,
        overhead: self_metrics.Overhead,
        sink_totals: self_metrics.SinkTotals,
    ) -> None:
        self._telemetry = telemetry
        self._bounds_of = bounds_of
        self._internal_errors = internal_errors
        self._overhead = overhead
        self._sink_totals = sink_totals
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
        tracing = self._tracing(budget, where)
        provider = current_meter_provider(self._telemetry)
        if provider is None:
            return CallReporting(tracing=tracing)
        has_bulk, has_others = _readers_of(provider)
        # Made in any case: the SDK skips an export, bulk counts included, if it has no instrument.
        instruments = self._instruments(provider)
        bulk_counter = self._bulk_counter(budget, owner) if has_bulk else None
        recorder = None
        # Memory and CPU time have no bulk counter: instruments record them beside one.
        if has_others or not is_duration_only:
            recorder = CallRecorder(instruments, budget, is_counted_in_bulk=not has_others)
        return CallReporting(bulk_counter=bulk_counter, recorder=recorder, tracing=tracing)

    def _tracing(self, budget: Budget, where: CodeLocation) -> spans.Tracing | None:
        provider = current_tracer_provider(self._telemetry)
        if provider is None or budget.spans == "never":
            return None
        return spans.Tracing(provider.get_tracer(SCOPE), budget, where)

    def _bulk_counter(self, budget: Budget, owner: object = None) -> BulkCounter:
        lines = {line for limit in budget.limits for line in (limit.target, limit.threshold)}
        bounds = bounds_for(Metric.DURATION, lines.union(self._bounds_of(Metric.DURATION)))
        return counter_registry.counter_of(budget, bounds, owner)

    def revision(self) -> int:
        """Return a number that changes when the application sets a global provider."""
        return _BOTH if self.is_settled() else global_revision()

    def is_settled(self) -> bool:
        """Return whether both providers are set, so that the telemetry cannot change any more."""
        given = self._telemetry.tracer_provider and self._telemetry.meter_provider
        return bool(given) or global_revision() == _BOTH

    current_span = staticmethod(spans.current_span_ids)

    def count_window(self, budget: Budget, limit: Limit, state: State) -> None:
        """Count one verdict on a limit over a window."""
        provider = current_meter_provider(self._telemetry)
        if provider is not None:
            # Cached: `instruments_of` first computes the bounds of all histograms, which is slow
            # and which a counter does not need.
            known = self._counting.get(id(provider))
            if known is None:
                known = self._counting[id(provider)] = self._instruments(provider)
            count_window(known, budget, limit, state)

    def observe_process(self, totals: Callable[[], ProcessTotals | None]) -> None:
        """Report the process from now on, except metrics that another scope reports."""
        provider = current_meter_provider(self._telemetry)
        if provider is not None:
            observe_process(provider, totals)

    def _instruments(self, provider: MeterProvider) -> Instruments:
        return instruments_of(provider, self._bounds_of, self._observe_itself)

    def _observe_itself(self, meter: metrics.Meter) -> None:
        self_metrics.observe_errors(meter, self._internal_errors)
        self_metrics.observe_overhead(meter, self._overhead)
        self_metrics.observe_sinks(meter, self._sink_totals)


def current_tracer_provider(telemetry: Telemetry) -> TracerProvider | None:
    """Return the tracer provider; None while the application has not set one."""
    chosen = telemetry.tracer_provider or trace.get_tracer_provider()
    return None if isinstance(chosen, trace.ProxyTracerProvider) else chosen


def current_meter_provider(telemetry: Telemetry) -> MeterProvider | None:
    """Return the meter provider; None while the application has not set one."""
    chosen = telemetry.meter_provider or metrics.get_meter_provider()
    # By class name: unlike the tracer's proxy class, this one is not public in the API.
    return None if type(chosen).__name__ == "_ProxyMeterProvider" else chosen


def _readers_of(provider: MeterProvider) -> tuple[bool, bool]:
    """Return whether any reader exports bulk counts, and whether any exports instruments."""
    if not counter_registry.has_readers:
        return False, True
    # The SDK has no public API for the readers of a provider. If its internals differ, both forms
    # are prepared, and the exporter removes the duplicates.
    readers = getattr(provider, "_metric_readers", None)
    if readers is None:
        return True, True
    exporters = [getattr(reader, "_exporter", None) for reader in readers]
    counted = [getattr(exporter, "exports_counts", False) for exporter in exporters]
    return any(counted), not (counted and all(counted))


def global_revision() -> int:
    """Return a number that changes when a global tracer or meter provider is set.

    Bit 0 is set with a tracer provider, bit 1 with a meter provider.
    """
    # Instrumented calls run this until a provider is set. The API's module variables cost a tenth
    # of its public getters; the getters are the fallback for an API without these variables.
    tracer = getattr(trace, "_TRACER_PROVIDER", _MISSING)
    meter = getattr(_metrics_module, "_METER_PROVIDER", _MISSING)
    if tracer is _MISSING or meter is _MISSING:
        tracer = current_tracer_provider(_GLOBAL)
        meter = current_meter_provider(_GLOBAL)
    return (tracer is not None) + 2 * (meter is not None)


_MISSING: Final = object()
_GLOBAL: Final = Telemetry()
_metrics_module: Final = sys.modules.get("opentelemetry.metrics._internal", metrics)
