"""Define the OpenTelemetry providers that perfkit reports to, and its instrumentation scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

SCOPE: Final = "perfkit"
"""The instrumentation scope of perfkit's spans, metrics and log records."""


@frozen(kw_only=True)
class Telemetry:
    """The providers that perfkit reports to.

    Args:
        tracer_provider: Creates spans; None means the global provider, if the application sets one.
        meter_provider: Records metrics; None likewise.
        logger_provider: Emits violations as log records; None likewise.
    """

    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None
    logger_provider: LoggerProvider | None = None
