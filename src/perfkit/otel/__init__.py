"""Spans, metrics and violation events, through the providers that the application chose."""

from typing import TYPE_CHECKING, Any

from perfkit.otel.telemetry import Telemetry

if TYPE_CHECKING:
    from perfkit.otel.counted_export import metric_exporter
    from perfkit.otel.events import EventSink

__all__ = ["EventSink", "Telemetry", "metric_exporter"]


def __getattr__(name: str) -> Any:
    """Load what needs the SDK or the logs API when it is first asked for."""
    if name == "EventSink":
        from perfkit.otel.events import EventSink  # noqa: PLC0415 - loads the logs API

        return EventSink
    if name == "metric_exporter":
        from perfkit.otel.counted_export import metric_exporter  # noqa: PLC0415 - loads the SDK

        return metric_exporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
