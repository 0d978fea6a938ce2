"""Sample violations of every kind, for the tests of sinks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from perfkit.model import (
    EVIDENCE_KINDS,
    Budget,
    CodeLocation,
    Direction,
    Evidence,
    Limit,
    Metric,
    Outcome,
    Severity,
    State,
    Statistic,
    Violation,
)

_Changes = dict[str, dict[str, Any]]
"""The name of each sample, and the fields in which it differs from the plain violation."""

_MINUTE_NS: Final = 60_000_000_000
_LIMIT: Final = Limit(
    metric=Metric.DURATION, target=0.1, threshold=0.3, direction=Direction.AT_MOST
)
PLAIN: Final = "a plain violation"
"""The name of the sample from which all others are derived."""


def sample_violations(at_ns: int = 1_700_000_000_000_000_000) -> dict[str, Violation]:
    """Return a sample violation of each kind that a sink may receive, by name.

    Among them are missed targets, broken windows, recoveries, violations that carry the number of
    suppressed ones, test violations, evidence of each kind, every metric, values from zero to
    infinity, and names with line ends, terminal control codes or quotes. The first is a plain
    violation. Each call creates new objects, which are equal for equal arguments.

    >>> samples = sample_violations()
    >>> print(samples["a plain violation"].describe())  # doctest: +NORMALIZE_WHITESPACE
    warning load_session: duration was 412 ms, threshold is at most 300 ms (1.37 x), in
    shop.sessions.load (shop/sessions.py:88)

    Args:
        at_ns: The time of the violations, in nanoseconds since the Unix epoch.
    """
    plain = _plain(at_ns)
    changed = {
        **_of_one_call(),
        **_over_time(at_ns),
        **_with_evidence(),
        **_with_hostile_text(),
        **_with_extreme_values(),
    }
    return {PLAIN: plain, **{name: evolve(plain, **fields) for name, fields in changed.items()}}


def _plain(at_ns: int) -> Violation:
    return Violation(
        budget=Budget(name="load_session", category="database", description="Load one session."),
        limit=_LIMIT,
        value=0.412,
        state=State.VIOLATED,
        severity=Severity.WARNING,
        where=CodeLocation(function="shop.sessions.load", file="shop/sessions.py", line=88),
        at_ns=at_ns,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        trace_flags=1,
    )


def _of_one_call() -> _Changes:
    critical = Budget(name="load_session", category="database", critical=True)
    return {
        "a critical one": {"budget": critical, "severity": Severity.CRITICAL},
        "a missed target": {"value": 0.2, "state": State.DEGRADED, "severity": Severity.INFO},
        "a call that failed": {"outcome": Outcome.ERROR},
        "a cancelled call": {"outcome": Outcome.CANCELLED},
        "a contended value": {"contended": True},
        "one without a trace": {"trace_id": "", "span_id": "", "trace_flags": 0},
        "one of an environment": {"environment": "production"},
        "a budget with nothing but a name": {"budget": Budget(name="load_session")},
        "a place without a file": {"where": CodeLocation(function="shop.sessions.load")},
        "a test": {"is_test": True},
    }


def _over_time(at_ns: int) -> _Changes:
    """Return violations of windows and objectives, recoveries, and violations after others."""
    since = at_ns - _MINUTE_NS
    window = evolve(_LIMIT, statistic=Statistic.P95, window=60.0)
    broken = {"limit": window, "samples": 1200, "since_ns": at_ns}
    over = {"is_recovery": True, "state": State.MET, "value": 0.05, "since_ns": since}
    halfway = {"state": State.DEGRADED, "value": 0.2}
    return {
        "a broken window": broken,
        "a broken window that got worse": {**broken, "since_ns": since, "value": 2.5},
        "a window that holds again": {**broken, **over},
        "a window that holds its threshold, not its target": {**broken, **over, **halfway},
        "calls that begin to break a budget": {"since_ns": at_ns},
        "calls that hold their budget again": over,
        "one with others suppressed before it": {"suppressed": 1, "suppressed_since_ns": since},
        "one with very many suppressed": {"suppressed": 10**9, "suppressed_since_ns": since},
        "one with others suppressed, at an unknown time": {"suppressed": 3},
    }


def _with_evidence() -> _Changes:
    found = {kind: _evidence(kind, "shop.db.query") for kind in EVIDENCE_KINDS}
    missing = Evidence(kind="cpu", note="profiler_busy")
    return {
        **{f"evidence of kind {kind}": {"evidence": (each,)} for kind, each in found.items()},
        "evidence of every kind": {"evidence": tuple(found.values())},
        "evidence that could not be had": {"evidence": (missing,)},
        "evidence of another call": {"evidence": (evolve(found["cpu"], since_armed=0.124),)},
    }


def _evidence(kind: str, text: str) -> Evidence:
    rows: dict[str, Mapping[str, Any]] = {
        "cpu": {"function": text, "calls": 3, "total_s": 0.25, "self_s": 0.2},
        "memory": {"file": text, "line": 9, "bytes": 5_000_000, "blocks": 12, "origin": ""},
        "stack": {"function": text, "line": 9, "samples": 49},
        "children": {"budget": text, "calls": 2, "total_s": 0.04, "self_s": 0.04},
    }
    details: dict[str, Mapping[Any, Any]] = {
        "cpu": {(text, 9, "query"): (3, 3, 0.2, 0.25, {})},  # as the pstats module has it
        "stack": {f"shop.sessions.load;{text}": 49},
    }
    return Evidence(
        kind=kind, summary=f"most of it in {text}", rows=(rows[kind],), detail=details.get(kind, {})
    )


def _with_hostile_text() -> _Changes:
    """Return text that may occur in file names and in generated budget names."""
    texts = {
        "text with line ends": "first\nsecond\r\nthird\u2028fourth\x85::error::forged",
        "text with control characters": "\x1b[31m red, bell \a, back \b\b, nothing \0, delete \x7f",
        "text that changes direction": "abc \u202e def \u2066 ghi \u200f \ufeff",
        "text that is no valid Unicode": "a lone surrogate \udcff \ud800",
        "letters of many alphabets": "größe 大きさ размер 📏",
        "quotes, braces and percent signs": """' " ` \\ {budget} {{ }} {0} %s %(x)d % ${A} <b>&""",
        "very long text": "x" * 10_000,
    }
    return {
        name: {
            "budget": Budget(name=text, category=text, description=text),
            "where": CodeLocation(function=text, file=text, line=1),
            "environment": text,
            "evidence": tuple(_evidence(kind, text) for kind in EVIDENCE_KINDS),
        }
        for name, text in texts.items()
    }


def _with_extreme_values() -> _Changes:
    samples = _of_each_metric()
    at_least = samples["the metric hit_ratio"]["limit"]
    return {
        **samples,
        "an infinite value": {"value": math.inf},
        "a huge value": {"value": 1e15},
        "a value just beyond its limit": {"value": math.nextafter(0.3, 1.0)},
        "a tiny value": {"limit": evolve(_LIMIT, target=0.0, threshold=1e-12), "value": 5e-12},
        "a limit of zero": {"limit": evolve(_LIMIT, target=0.0, threshold=0.0), "value": 1e-9},
        "a limit that is a minimum": {"limit": at_least, "value": 0.5},
        "nothing where there is a minimum": {"limit": at_least, "value": 0.0},
    }


def _of_each_metric() -> _Changes:
    samples: _Changes = {}
    for metric in Metric:
        is_at_least = metric.default_direction is Direction.AT_LEAST
        target, threshold, value = (0.9, 0.8, 0.5) if is_at_least else (1.0, 2.0, 3.0)
        statistic = metric.default_statistic
        limit = Limit(
            metric=metric,
            target=target,
            threshold=threshold,
            direction=metric.default_direction or Direction.AT_MOST,
            statistic=statistic,
            window=None if statistic is Statistic.EACH else 60.0,
        )
        samples[f"the metric {metric}"] = {"limit": limit, "value": value}
    return samples
