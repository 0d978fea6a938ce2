"""The observers that report to OpenTelemetry, as far as there are providers to report to."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.metrics import MeterProvider

from perfkit.model import Observer, SpanIds
from perfkit.otel import providers, spans
from perfkit.otel.metrics import Faults, Lines, MetricObserver, instruments_of
from perfkit.otel.providers import Telemetry
from perfkit.otel.spans import SpanObserver


class Reporting:
    """Makes the observers for the providers that are there now. Safe from any thread.

    Args:
        telemetry: The providers; what is None in it is the application's global one.
        lines: Returns the targets and thresholds of a metric, to be bucket bounds.
        faults: Returns how often each part of perfkit has failed.
    """

    def __init__(self, telemetry: Telemetry, lines: Lines, faults: Faults) -> None:
        self._telemetry = telemetry
        self._lines = lines
        self._faults = faults
        self._known: dict[object, Observer] = {}

    def observers(self) -> tuple[Observer, ...]:
        """Return spans, then metrics, as far as there are providers.

        Metrics stop first, while the span is still current.
        """
        found: list[Observer] = []
        tracer_provider = providers.current_tracer_provider(self._telemetry)
        if tracer_provider is not None:
            found.append(self._once(tracer_provider, lambda: SpanObserver(tracer_provider)))
        meter_provider = providers.current_meter_provider(self._telemetry)
        if meter_provider is not None:
            found.append(self._once(meter_provider, lambda: self._metric_observer(meter_provider)))
        return tuple(found)

    def revision(self) -> int:
        """Return a number that changes when the application sets a global provider."""
        return providers.BOTH if self.is_settled() else providers.global_revision()

    def is_settled(self) -> bool:
        """Tell whether nothing more can come: both providers were given, or are set."""
        given = self._telemetry.tracer_provider and self._telemetry.meter_provider
        return bool(given) or providers.global_revision() == providers.BOTH

    def current_span(self) -> SpanIds | None:
        """Return the span that the application made current; None where there is none."""
        return spans.current_span_ids()

    def _once(self, provider: object, make: Callable[[], Observer]) -> Observer:
        known = self._known.get(id(provider))
        if known is None:
            known = self._known[id(provider)] = make()
        return known

    def _metric_observer(self, provider: MeterProvider) -> MetricObserver:
        return MetricObserver(instruments_of(provider, self._lines, self._faults))
