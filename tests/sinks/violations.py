"""Violations for the tests of sinks."""

from __future__ import annotations

from typing import Any

from perfkit import Severity, State, Violation
from perfkit.catalog import parse_limits
from perfkit.model import Budget, CodeLocation, Metric


def make_violation(**changes: Any) -> Violation:
    """Return a critical violation of the budget ``load``, with `changes` of its fields."""
    given: dict[str, Any] = {
        "budget": Budget(name="load", category="database", critical=True),
        "limit": parse_limits(Metric.DURATION, ("100ms", "300ms"))[0],
        "value": 0.412,
        "state": State.VIOLATED,
        "severity": Severity.CRITICAL,
        "where": CodeLocation(function="app.load", file="app.py", line=7),
        "at_ns": 1_700_000_000_000_000_000,
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
    }
    return Violation(**{**given, **changes})
