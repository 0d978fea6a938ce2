"""Write violations to the standard library's logging."""

from __future__ import annotations

import logging
from typing import Final

from perfkit.model import Severity, Violation
from perfkit.sinks.record import as_record

_LEVELS: Final = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.CRITICAL: logging.CRITICAL,
}


class LogSink:
    """Writes one line a violation: a sentence for people, then ``key=value`` pairs for machines.

    The whole record is on the log record too, as the attribute ``perfkit``, for formatters that
    write JSON. Severity `info`, `warning` and `critical` become the levels of the same names;
    a recovery is INFO.

    Args:
        logger: The name of the logger.
    """

    def __init__(self, logger: str = "perfkit.violations") -> None:
        self._logger = logging.getLogger(logger)

    def emit(self, violation: Violation) -> None:
        """Write one line; as safe and as fast as the handlers that the application set."""
        record = as_record(violation)
        pairs = " ".join(f"{key}={record[key]}" for key in ("trace_id", "span_id") if record[key])
        self._logger.log(
            logging.INFO if violation.is_recovery else _LEVELS[violation.severity],
            "%s%s",
            violation.describe(),
            f" {pairs}" if pairs else "",
            extra={"perfkit": record},
        )
