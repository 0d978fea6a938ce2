"""A violation as plain data, in the one shape that every ending writes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from perfkit.model import Evidence, Violation

_BETTER_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What JSON allows as it is, and yet ends a line, drives a terminal, or is no Unicode."""


def as_record(violation: Violation) -> dict[str, Any]:
    """Return `violation` as plain data.

    Values are in base units, named by ``unit``; ``time`` is ISO 8601 in UTC. A key is always
    there; what is not known is an empty string.
    """
    limit = violation.limit
    return {
        "time": _time(violation.at_ns),
        "severity": str(violation.severity),
        "state": str(violation.state),
        "budget": violation.budget.name,
        "category": violation.budget.category,
        "critical": violation.budget.critical,
        "metric": str(limit.metric),
        "statistic": str(limit.statistic),
        "value": violation.value,
        "unit": str(limit.metric.unit),
        "target": limit.target,
        "threshold": limit.threshold,
        "direction": str(limit.direction),
        "function": violation.where.function,
        "file": violation.where.file,
        "line": violation.where.line,
        "outcome": str(violation.outcome),
        "environment": violation.environment,
        "test": violation.is_test,
        "trace_id": violation.trace_id,
        "span_id": violation.span_id,
        "contended": violation.contended,
        "suppressed": violation.suppressed,
        "suppressed_since": _time_or_empty(violation.suppressed_since_ns),
        "samples": violation.samples,
        "recovery": violation.is_recovery,
        "since": _time_or_empty(violation.since_ns),
        "evidence": [_plain(item) for item in violation.evidence],
    }


def as_json(record: Mapping[str, Any]) -> str:
    """Return `record` as one line of strict JSON, without its end.

    What JSON cannot hold becomes text: numbers that are not finite are ``"Infinity"``,
    ``"-Infinity"`` and ``"NaN"``. The line is encodable in UTF-8 and one line to every reader: lone
    surrogates and the line ends of Unicode are escaped.
    """
    import json  # noqa: PLC0415 - loads when first needed

    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=str)
    except (TypeError, ValueError):
        text = json.dumps(as_finite(record), ensure_ascii=False, default=str)
    return _BETTER_ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_finite(value: Any) -> Any:
    """Return plain data like `value`, with text for numbers and keys that JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): as_finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_finite(each) for each in value]
    return value


def as_printable(text: str) -> str:
    """Return `text` in one line, with what cannot be printed escaped as in Python."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()


def _time_or_empty(nanoseconds: int) -> str:
    return _time(nanoseconds) if nanoseconds else ""


def _plain(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind,
        "summary": evidence.summary,
        "rows": [dict(row) for row in evidence.rows],
        "note": evidence.note,
        "since_armed": evidence.since_armed,
    }
