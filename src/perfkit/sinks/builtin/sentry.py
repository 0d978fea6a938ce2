"""Send violations to Sentry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from perfkit.errors import DeliveryError, MissingExtraError
from perfkit.model import Severity, Violation
from perfkit.model.record import as_finite
from perfkit.model.violation import as_record
from perfkit.text import printable

if TYPE_CHECKING:
    from sentry_sdk import Scope

_LEVELS: Final[dict[Severity, Literal["info", "warning", "error"]]] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "error",  # "fatal" is for events that end the program
}
_LONGEST_TAG: Final = 200


class SentrySink:
    """Sends each violation as a message to the Sentry that the application has initialised.

    Violations and recoveries of one limit of a budget form one issue. Tags are named
    ``perfkit.budget`` and so on; the whole record is the context ``perfkit``; the trace is the one
    of the violation. The SDK sends in its own thread, so that perfkit cannot count its losses. Safe
    from any thread.

    Raises:
        MissingExtraError: If sentry-sdk is not installed.
    """

    destination = "Sentry"

    def __init__(self) -> None:
        try:
            import sentry_sdk  # noqa: PLC0415 - optional, loads when asked for
        except ImportError as error:
            raise MissingExtraError("the Sentry sink", "sentry") from error
        self._sdk = sentry_sdk

    def emit(self, violation: Violation) -> None:
        """Pass one message to the SDK.

        Raises:
            DeliveryError: If the application has not initialised Sentry.
        """
        if not self._sdk.get_client().is_active():
            raise DeliveryError(
                "Sentry is not initialised; call sentry_sdk.init(dsn=...) when the program starts",
                is_permanent=True,
                reason="not initialised",
            )
        level = "info" if violation.is_recovery else _LEVELS[violation.severity]
        with self._sdk.new_scope() as scope:
            _describe(scope, violation)
            self._sdk.capture_message(violation.describe(), level=level)

    def flush(self, seconds: float) -> None:
        """Let the SDK send its queue, for at most so many seconds."""
        self._sdk.flush(timeout=seconds)


def _describe(scope: Scope, violation: Violation) -> None:
    tags = {
        "budget": violation.budget.name,
        "metric": violation.limit.metric,
        "state": violation.state,
        "severity": violation.severity,
        "category": violation.budget.category,
        "environment": violation.environment,
    }
    for name, value in tags.items():
        if value:
            scope.set_tag(f"perfkit.{name}", printable(value)[:_LONGEST_TAG])
    scope.set_context("perfkit", as_finite(as_record(violation)))
    if violation.trace_id and violation.span_id:
        ids = {"trace_id": violation.trace_id, "span_id": violation.span_id}
        scope.set_context("trace", ids)
    scope.fingerprint = ["perfkit", *map(str, violation.kind)]
