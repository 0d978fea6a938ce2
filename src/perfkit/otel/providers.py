"""Which OpenTelemetry providers to report to: the application's, never taken over."""

from __future__ import annotations

import sys
from typing import Final

from attrs import frozen
from opentelemetry import metrics, trace
from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

SCOPE: Final = "perfkit"
"""The instrumentation scope of all that perfkit reports."""


@frozen(kw_only=True)
class Telemetry:
    """The providers that perfkit reports to.

    Args:
        tracer_provider: For spans; None means the global one, if the application sets one.
        meter_provider: For metrics; None likewise.
        logger_provider: For violations as log records; None likewise.
    """

    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None
    logger_provider: LoggerProvider | None = None


def current_tracer_provider(telemetry: Telemetry) -> TracerProvider | None:
    """Return the provider to make spans with; None as long as nobody set one."""
    chosen = telemetry.tracer_provider or trace.get_tracer_provider()
    return None if isinstance(chosen, trace.ProxyTracerProvider) else chosen


def current_meter_provider(telemetry: Telemetry) -> MeterProvider | None:
    """Return the provider to record metrics with; None as long as nobody set one."""
    chosen = telemetry.meter_provider or metrics.get_meter_provider()
    return None if type(chosen).__name__ == "_ProxyMeterProvider" else chosen


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
