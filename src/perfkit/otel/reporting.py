"""Build the telemetry of each place for the OpenTelemetry providers that are set."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from perfkit.model import Budget, CodeLocation, Limit, Metric, State
from perfkit.otel import spans
from perfkit.otel.counter_registry import counter_registry
from perfkit.otel.metrics import CallRecorder, bounds_for, count_window, instruments_of
from perfkit.otel.process import observe_process
from perfkit.otel.telemetry import SCOPE, Telemetry
from perfkit.runtime.settings import CallReporting

if TYPE_CHECKING:  # it loads psutil
    from perfkit.probes.process import ProcessTotals

_BOTH: Final = 3
"""The revision with both a tracer and a meter provider."""


class Reporting:
    """Builds telemetry for the providers that are set at present. Safe from any thread."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def reporting_for(
        self, budget: Budget, where: CodeLocation, owner: object = None, *, is_duration_only: bool
    ) -> CallReporting:
        """Return the bulk counter, the recorder and the spans of a place.

        An `owner` separates the counters of equal budgets; without one they share a counter.
        """
        tracing = None
        tracer_provider = current_tracer_provider(self._telemetry)
        if tracer_provider is not None and budget.spans != "never":
            tracing = spans.Tracing(tracer_provider.get_tracer(SCOPE), budget, where)
        provider = current_meter_provider(self._telemetry)
        if provider is None:
            return CallReporting(tracing=tracing)
        has_bulk, has_others = _readers_of(provider)
        # Made in any case: the SDK skips an export, bulk counts included, if it has no instrument.
        instruments = instruments_of(provider)
        recorder = bulk_counter = None
        if has_bulk:
            lines = {line for limit in budget.limits for line in (limit.target, limit.threshold)}
            bounds = bounds_for(Metric.DURATION, lines)
            bulk_counter = counter_registry.counter_of(budget, bounds, owner)
        # Memory and CPU time have no bulk counter: instruments record them beside one.
        if has_others or not is_duration_only:
            recorder = CallRecorder(instruments, budget, is_counted_in_bulk=not has_others)
        return CallReporting(bulk_counter=bulk_counter, recorder=recorder, tracing=tracing)

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
            count_window(provider, budget, limit, state)

    def observe_process(self, totals: Callable[[], ProcessTotals | None]) -> None:
        """Report the process from now on, except metrics that another scope reports."""
        provider = current_meter_provider(self._telemetry)
        if provider is not None:
            observe_process(provider, totals)


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
