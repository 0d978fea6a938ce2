"""Write violations to the log: the standard library's logging, or structlog."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from perfkit.errors import ConfigurationError
from perfkit.model import Severity, Violation
from perfkit.model.record import all_printable, as_json
from perfkit.model.violation import as_record
from perfkit.text import printable

FORMS: Final = ("auto", "text", "json", "structlog")
"""In which form a `LogSink` can write."""


class LogSink:
    """Writes one line a violation, to the log that the application has.

    Severity `info`, `warning` and `critical` become the levels of the same names; a recovery is
    INFO. Names in the line cannot forge another line: what is not printable is escaped. As safe and
    as fast as the handlers that the application set.

    Args:
        logger: The name of the logger.
        form: ``"text"`` is a sentence for people, then ``key=value`` pairs for machines; the whole
            record is on the log record too, as the attribute ``perfkit``, for formatters that write
            JSON. ``"json"`` is one line of strict JSON: the record, and the sentence as
            ``message``. ``"structlog"`` is an event of structlog, with the record as its keys, all
            but the evidence. ``"auto"`` means structlog where the application has configured it,
            else text; that is looked at for each violation.

    Raises:
        ConfigurationError: If there is no such form, `logger` is no name, or structlog is not
            installed.
    """

    def __init__(self, logger: str = "perfkit.violations", *, form: str = "auto") -> None:
        if not isinstance(logger, str):
            raise ConfigurationError(
                f"logger is a {type(logger).__name__}; write its name, such as 'perfkit.violations'"
            )
        if form not in FORMS:
            raise ConfigurationError(f"a log has no form {form!r}; it can be {', '.join(FORMS)}")
        if form == "structlog":
            _load_structlog()
        self._logger = logging.getLogger(logger)
        self._form = form

    @property
    def destination(self) -> str:
        """Where violations go, for people."""
        return f"log {printable(self._logger.name)}"

    def emit(self, violation: Violation) -> None:
        """Write one line."""
        severity = Severity.INFO if violation.is_recovery else violation.severity
        sentence, record = violation.describe(), as_record(violation)
        if self._form == "structlog" or (self._form == "auto" and _is_structlog_configured()):
            self._log_event(severity.value, sentence, record)
            return
        is_json = self._form == "json"
        line = as_json({**record, "message": sentence}) if is_json else sentence + _ids(record)
        level: int = getattr(logging, severity.value.upper())
        self._logger.log(level, "%s", line, extra={"perfkit": record})

    def _log_event(self, method: str, sentence: str, record: dict[str, Any]) -> None:
        del record["evidence"]  # renderers for people would print pages; the sentence has its top
        structlog = _load_structlog()
        logger = structlog.get_logger(self._logger.name).bind()
        if isinstance(logger, structlog.stdlib.AsyncBoundLogger):  # which nobody would await
            logger = logger.sync_bl
        # Renderers for people, such as those of the console and of logfmt, escape nothing.
        getattr(logger, method)(sentence, **all_printable(record))


def _ids(record: dict[str, Any]) -> str:
    ids = {key: record[key] for key in ("trace_id", "span_id") if record[key]}
    return "".join(f" {key}={it if it.isalnum() else ascii(it)}" for key, it in ids.items())


def _is_structlog_configured() -> bool:
    structlog = sys.modules.get("structlog")
    return structlog is not None and structlog.is_configured()


def _load_structlog() -> Any:
    try:
        import structlog  # noqa: PLC0415 - optional, loads when asked for
    except ImportError as error:
        raise ConfigurationError(
            "form 'structlog' needs structlog; install it with: pip install structlog"
        ) from error
    return structlog
