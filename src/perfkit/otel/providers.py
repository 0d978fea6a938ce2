"""Look up the application's OpenTelemetry providers, without replacing them."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from perfkit.otel.counter_registry import counter_registry
from perfkit.otel.telemetry import Telemetry

SCOPE: Final = "perfkit"
"""The instrumentation scope of perfkit's spans, metrics and log records."""


def current_tracer_provider(telemetry: Telemetry) -> TracerProvider | None:
    """Return the tracer provider; None while the application has not set one."""
    chosen = telemetry.tracer_provider or trace.get_tracer_provider()
    return None if isinstance(chosen, trace.ProxyTracerProvider) else chosen


def current_meter_provider(telemetry: Telemetry) -> MeterProvider | None:
    """Return the meter provider; None while the application has not set one."""
    chosen = telemetry.meter_provider or metrics.get_meter_provider()
    # By class name: unlike the tracer's proxy class, this one is not public in the API.
    return None if type(chosen).__name__ == "_ProxyMeterProvider" else chosen


class ExportMode(Enum):
    """The form in which the readers of a meter provider export perfkit's call metrics."""

    INSTRUMENTS = "instruments"
    TALLIES = "tallies"
    BOTH = "both"


def export_mode_of(provider: object) -> ExportMode:
    """Return how `provider` exports: counted in bulk only if all its exporters support that.

    The SDK has no public API for the readers of a provider. If its internals differ, both forms are
    prepared, and the exporter removes the duplicates.
    """
    if not counter_registry.has_readers:
        return ExportMode.INSTRUMENTS
    readers = getattr(provider, "_metric_readers", None)
    if readers is None:
        return ExportMode.BOTH
    counted = [
        getattr(getattr(reader, "_exporter", None), "exports_counts", False) for reader in readers
    ]
    if not any(counted):
        return ExportMode.INSTRUMENTS
    return ExportMode.TALLIES if all(counted) else ExportMode.BOTH


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


BOTH: Final = 3
"""The revision with both a tracer and a meter provider."""

_MISSING: Final = object()
_GLOBAL: Final = Telemetry()
_metrics_module: Final = sys.modules.get("opentelemetry.metrics._internal", metrics)
