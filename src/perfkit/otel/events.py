"""Violations as OpenTelemetry log records with an event name."""

from __future__ import annotations

from typing import Final

from opentelemetry import trace
from opentelemetry._logs import (
    LogRecord,
    NoOpLoggerProvider,
    SeverityNumber,
    get_logger_provider,
)
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from perfkit.model import Severity, Violation
from perfkit.model import telemetry_names as names
from perfkit.otel.providers import SCOPE
from perfkit.otel.telemetry import Telemetry

EVENT_NAME: Final = "perfkit.budget.violation"
RECOVERY_NAME: Final = "perfkit.budget.recovery"
_SEVERITIES: Final = {
    Severity.INFO: SeverityNumber.INFO,
    Severity.WARNING: SeverityNumber.WARN,
    Severity.CRITICAL: SeverityNumber.ERROR,
}
_UNSET: Final = "ProxyLoggerProvider"
"""The class that stands in for a global provider as long as nobody sets one; it is not public."""


class EventSink:
    """Emits each violation as a log record, correlated with the span of the call.

    It uses the logger provider of `telemetry`, or else the one that the application has set. With
    none set it does nothing.

    Args:
        telemetry: The providers to report to; None means the global ones.
    """

    destination = "OpenTelemetry events"

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        self._provider = telemetry.logger_provider if telemetry else None

    @property
    def missing_here(self) -> str:
        """Why no record leaves this process, for people; empty where a provider is set."""
        provider = self._provider or get_logger_provider()
        if isinstance(provider, NoOpLoggerProvider) or type(provider).__name__ == _UNSET:
            return "nothing is set up here to take it; the application sets the logger provider"
        return ""

    def emit(self, violation: Violation) -> None:
        """Emit the record through the provider, which exports it."""
        provider = self._provider or get_logger_provider()
        provider.get_logger(SCOPE).emit(
            LogRecord(
                timestamp=violation.at_ns,
                context=_context_of(violation),
                severity_number=(
                    SeverityNumber.INFO
                    if violation.is_recovery
                    else _SEVERITIES[violation.severity]
                ),
                severity_text=str(violation.severity),
                body=violation.describe(),
                attributes=_attributes_of(violation),
                event_name=RECOVERY_NAME if violation.is_recovery else EVENT_NAME,
            )
        )


def _context_of(violation: Violation) -> Context:
    """Return a context in which the call's span is current, though it has ended."""
    if not violation.span_id:
        return Context()
    span = SpanContext(
        int(violation.trace_id, 16),
        int(violation.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(violation.trace_flags),
    )
    return trace.set_span_in_context(NonRecordingSpan(span), Context())


def _attributes_of(violation: Violation) -> dict[str, str | int | float | bool]:
    limit = violation.limit
    return {
        **names.of_budget(violation.budget),
        **names.of_place(violation.where),
        names.BUDGET_CRITICAL: violation.budget.critical,
        names.BUDGET_STATE: str(violation.state),
        names.METRIC: str(limit.metric),
        names.OUTCOME: str(violation.outcome),
        names.STATISTIC: str(limit.statistic),
        "perfkit.value": violation.value,
        "perfkit.target": limit.target,
        "perfkit.threshold": limit.threshold,
        "perfkit.direction": str(limit.direction),
        "perfkit.unit": str(limit.metric.unit),
        "perfkit.contended": violation.contended,
        "perfkit.suppressed": violation.suppressed,
        "perfkit.test": violation.is_test,
        "perfkit.samples": violation.samples,
        **names.of_evidence(violation.evidence),
    }
