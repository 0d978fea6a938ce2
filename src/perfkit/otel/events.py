"""Emit violations as OpenTelemetry log records with an event name."""

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
from perfkit.otel.telemetry import SCOPE, Telemetry

EVENT_NAME: Final = "perfkit.budget.violation"
RECOVERY_NAME: Final = "perfkit.budget.recovery"
_SEVERITIES: Final = {
    Severity.INFO: SeverityNumber.INFO,
    Severity.WARNING: SeverityNumber.WARN,
    Severity.CRITICAL: SeverityNumber.ERROR,
}


class EventSink:
    """Emits each violation as a log record, correlated with the span of the call.

    It uses the logger provider of `telemetry`, else the global one. It does nothing while the
    application has not set a provider.
    """

    destination = "OpenTelemetry events"

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        self._provider = telemetry.logger_provider if telemetry else None

    @property
    def missing_here(self) -> str:
        """The reason why no record is exported, for a report; empty if a provider is set."""
        # By class name: the proxy class is private, and importing it could fail in another version.
        provider = self._provider or get_logger_provider()
        if (
            isinstance(provider, NoOpLoggerProvider)
            or type(provider).__name__ == "ProxyLoggerProvider"
        ):
            return "this process has no logger provider; the application sets it"
        return ""

    def emit(self, violation: Violation) -> None:
        """Emit a log record of `violation` through the logger provider."""
        # Looked up at each violation: the application may set its provider after this sink is made.
        provider = self._provider or get_logger_provider()
        severity = Severity.INFO if violation.is_recovery else violation.severity
        provider.get_logger(SCOPE).emit(
            LogRecord(
                timestamp=violation.at_ns,
                context=_context_of(violation),
                severity_number=_SEVERITIES[severity],
                severity_text=str(violation.severity),
                body=violation.describe(),
                attributes=_attributes_of(violation),
                event_name=RECOVERY_NAME if violation.is_recovery else EVENT_NAME,
            )
        )


def _context_of(violation: Violation) -> Context:
    """Return a context whose current span has the ids of the call's span."""
    # A log record copies its trace and span ids from the current span of its context. The span of
    # the call is not current here: it may have ended. Without one, the invalid span must be in the
    # context: an empty context counts as none, and the record would get the span current here.
    if not violation.span_id:
        return trace.set_span_in_context(trace.INVALID_SPAN, Context())
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
