"""Report spans, metrics and violation events through the application's OpenTelemetry providers."""

from typing import TYPE_CHECKING

from perfkit._lazy import lazy_names
from perfkit.otel.telemetry import Telemetry as Telemetry

if TYPE_CHECKING:
    from perfkit.otel.counted_export import metric_exporter as metric_exporter
    from perfkit.otel.events import EventSink as EventSink

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "perfkit.otel.counted_export": "metric_exporter",
        "perfkit.otel.events": "EventSink",
    },
    loaded="Telemetry",
)
