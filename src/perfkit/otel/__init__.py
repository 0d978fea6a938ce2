"""Spans, metrics and violation events, through the providers that the application chose."""

from perfkit.otel.events import EventSink
from perfkit.otel.providers import Telemetry

__all__ = ["EventSink", "Telemetry"]
