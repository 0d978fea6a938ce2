"""A violation as plain data, in the one shape that every ending writes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from perfkit.model.measurement import Evidence
from perfkit.model.violation import Violation
from perfkit.text import printable

_NOT_PLAIN: Final = re.compile("[^ -~]")


def as_record(violation: Violation) -> dict[str, Any]:
    """Return `violation` as plain data.

    Values are in base units, named by ``unit``; ``time`` is ISO 8601 in UTC. A key is always
    present; an unknown value is an empty string.
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

    Values without a JSON form become text: numbers that are not finite are ``"Infinity"``,
    ``"-Infinity"`` and ``"NaN"``. The line is encodable in UTF-8, one line to every reader, and
    is safe on a terminal: unprintable characters are escaped, such as lone surrogates, line ends
    of Unicode, and characters that are invisible or change the direction of the text.
    """
    import json  # noqa: PLC0415 - loads when first needed

    # Values without a JSON form are rare, so the record is only copied after a first failure.
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=str)
    except (TypeError, ValueError):
        text = json.dumps(as_finite(record), ensure_ascii=False, default=str)
    # Most lines are printable, so the substitution is an exception too.
    return text if text.isprintable() else _NOT_PLAIN.sub(_escaped, text)


def as_finite(value: Any) -> Any:
    """Return plain data like `value`, with text for numbers and keys that have no JSON form."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): as_finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_finite(each) for each in value]
    return value


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    return "".join(f"\\u{unit:04x}" for unit in units_of(character))


def units_of(character: str) -> tuple[int, ...]:
    """Return a character as JSON escapes it: one unit of 16 bits, or two surrogates.

    Without the codec for that, which would be loaded in the middle of a delivery.
    """
    code = ord(character)
    if code < _BEYOND:
        return (code,)
    return (0xD800 | (code - _BEYOND) >> 10, 0xDC00 | code & 0x3FF)


_BEYOND: Final = 0x10000


def all_printable(value: Any) -> Any:
    """Return plain data like `value`, with `printable` applied to each text and key."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {all_printable(key): all_printable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(each) for each in value]
    return value


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
