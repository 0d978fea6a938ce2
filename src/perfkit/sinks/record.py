"""A violation as plain data, in the one shape that every ending writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from perfkit.model import Evidence, Violation


def as_record(violation: Violation) -> dict[str, Any]:
    """Return `violation` as data that JSON can hold.

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
        "trace_id": violation.trace_id,
        "span_id": violation.span_id,
        "contended": violation.contended,
        "suppressed": violation.suppressed,
        "samples": violation.samples,
        "recovery": violation.is_recovery,
        "since": _time(violation.since_ns) if violation.since_ns else "",
        "evidence": [_plain(item) for item in violation.evidence],
    }


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()


def _plain(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind,
        "summary": evidence.summary,
        "rows": [dict(row) for row in evidence.rows],
        "note": evidence.note,
        "since_armed": evidence.since_armed,
    }
