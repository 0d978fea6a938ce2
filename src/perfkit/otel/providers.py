"""Find the OpenTelemetry providers of the application, without replacing them."""

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
"""The instrumentation scope of all that perfkit reports."""


def current_tracer_provider(telemetry: Telemetry) -> TracerProvider | None:
    """Return the provider to make spans with; None as long as nobody set one."""
    chosen = telemetry.tracer_provider or trace.get_tracer_provider()
    return None if isinstance(chosen, trace.ProxyTracerProvider) else chosen


def current_meter_provider(telemetry: Telemetry) -> MeterProvider | None:
    """Return the provider to record metrics with; None as long as nobody set one."""
    chosen = telemetry.meter_provider or metrics.get_meter_provider()
    return None if type(chosen).__name__ == "_ProxyMeterProvider" else chosen


class ExportMode(Enum):
    """In which form the readers of a meter provider ship perfkit's call metrics."""

    INSTRUMENTS = "instruments"
    TALLIES = "tallies"
    BOTH = "both"


def export_mode_of(provider: object) -> ExportMode:
    """Return how `provider` ships: counted in bulk only if all its exporters can do that.

    The SDK has no public API for the readers of a provider. Where its internals differ, both forms
    are prepared, and the exporter drops the duplicates.
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

    Asked at each call while there is none, so it reads the API's own variables, which costs a
    tenth of its public getters; where those variables are gone, it falls back to the getters.
    """
    tracer = getattr(trace, "_TRACER_PROVIDER", _MISSING)
    meter = getattr(_metrics_module, "_METER_PROVIDER", _MISSING)
    if tracer is _MISSING or meter is _MISSING:
        tracer = current_tracer_provider(_GLOBAL)
        meter = current_meter_provider(_GLOBAL)
    return (tracer is not None) + 2 * (meter is not None)


BOTH: Final = 3
"""The revision when both a tracer and a meter provider are set."""

_MISSING: Final = object()
_GLOBAL: Final = Telemetry()
_metrics_module: Final = sys.modules.get("opentelemetry.metrics._internal", metrics)
