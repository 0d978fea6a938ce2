"""Sample violations of every kind, for the tests of sinks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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

_Samples = Iterator[tuple[str, dict[str, Any]]]
"""The name of each sample, and the fields in which it differs from the plain violation."""

_MINUTE_NS: Final = 60_000_000_000
_LONG: Final = 10_000
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
    parts = (
        _of_one_call(),
        _over_time(plain),
        _held_back(at_ns),
        _with_evidence(),
        _with_hostile_text(),
        _with_extreme_values(),
        _of_each_metric(),
    )
    changed = {name: evolve(plain, **changes) for part in parts for name, changes in part}
    return {PLAIN: plain, **changed}


def _plain(at_ns: int) -> Violation:
    return Violation(
        budget=Budget(name="load_session", category="database", description="Load one session."),
        limit=_limit(Metric.DURATION, 0.1, 0.3),
        value=0.412,
        state=State.VIOLATED,
        severity=Severity.WARNING,
        where=CodeLocation(function="shop.sessions.load", file="shop/sessions.py", line=88),
        at_ns=at_ns,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        trace_flags=1,
    )


def _limit(
    metric: Metric,
    target: float,
    threshold: float,
    direction: Direction = Direction.AT_MOST,
    statistic: Statistic = Statistic.EACH,
) -> Limit:
    window = None if statistic is Statistic.EACH else 60.0
    return Limit(
        metric=metric,
        target=target,
        threshold=threshold,
        direction=direction,
        statistic=statistic,
        window=window,
    )


def _of_one_call() -> _Samples:
    critical = Budget(name="load_session", category="database", critical=True)
    yield "a critical one", {"budget": critical, "severity": Severity.CRITICAL}
    yield "a missed target", {"value": 0.2, "state": State.DEGRADED, "severity": Severity.INFO}
    yield "a call that failed", {"outcome": Outcome.ERROR}
    yield "a cancelled call", {"outcome": Outcome.CANCELLED}
    yield "a contended value", {"contended": True}
    yield "one without a trace", {"trace_id": "", "span_id": "", "trace_flags": 0}
    yield "one of an environment", {"environment": "production"}
    yield "a budget with nothing but a name", {"budget": Budget(name="load_session")}
    yield "a place without a file", {"where": CodeLocation(function="shop.sessions.load")}
    yield "a test", {"is_test": True}


def _over_time(plain: Violation) -> _Samples:
    """Yield violations of windows and objectives, and their recoveries."""
    window = _limit(Metric.DURATION, 0.1, 0.3, statistic=Statistic.P95)
    since = plain.at_ns - _MINUTE_NS
    over = {"is_recovery": True, "state": State.MET, "value": 0.05, "since_ns": since}
    broken = {"limit": window, "samples": 1200, "since_ns": plain.at_ns}
    yield "a broken window", broken
    yield "a broken window that got worse", {**broken, "since_ns": since, "value": 2.5}
    yield "a window that holds again", {"limit": window, "samples": 1200, **over}
    yield (
        "a window that holds its threshold, not its target",
        {
            "limit": window,
            "samples": 1200,
            **over,
            "state": State.DEGRADED,
            "value": 0.2,
        },
    )
    yield "calls that begin to break a budget", {"since_ns": plain.at_ns}
    yield "calls that hold their budget again", over


def _held_back(at_ns: int) -> _Samples:
    since = at_ns - _MINUTE_NS
    yield "one with others held back before it", {"suppressed": 1, "suppressed_since_ns": since}
    yield "one with very many held back", {"suppressed": 10**9, "suppressed_since_ns": since}
    yield "one with others held back, nobody knows since when", {"suppressed": 3}


def _with_evidence() -> _Samples:
    found = [_evidence(kind, "shop.db.query") for kind in EVIDENCE_KINDS]
    for each in found:
        yield f"evidence of kind {each.kind}", {"evidence": (each,)}
    yield "evidence of every kind", {"evidence": tuple(found)}
    yield (
        "evidence that could not be had",
        {"evidence": (Evidence(kind="cpu", note="profiler_busy"),)},
    )
    yield "evidence of another call", {"evidence": (evolve(found[0], since_armed=0.124),)}


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


def _with_hostile_text() -> _Samples:
    """Yield text that may occur in file names and in generated budget names."""
    texts = {
        "text with line ends": "first\nsecond\r\nthird\u2028fourth\x85::error::forged",
        "text with control characters": "\x1b[31m red, bell \a, back \b\b, nothing \0, delete \x7f",
        "text that changes direction": "abc \u202e def \u2066 ghi \u200f \ufeff",
        "text that is no valid Unicode": "a lone surrogate \udcff \ud800",
        "letters of many alphabets": "größe 大きさ размер 📏",
        "quotes, braces and percent signs": """' " ` \\ {budget} {{ }} {0} %s %(x)d % ${A} <b>&""",
        "very long text": "x" * _LONG,
    }
    for name, text in texts.items():
        yield (
            name,
            {
                "budget": Budget(name=text, category=text, description=text),
                "where": CodeLocation(function=text, file=text, line=1),
                "environment": text,
                "evidence": tuple(_evidence(kind, text) for kind in EVIDENCE_KINDS),
            },
        )


def _with_extreme_values() -> _Samples:
    yield "an infinite value", {"value": math.inf}
    yield "a huge value", {"value": 1e15}
    yield "a value just beyond its limit", {"value": math.nextafter(0.3, 1.0)}
    yield "a tiny value", {"limit": _limit(Metric.DURATION, 0.0, 1e-12), "value": 5e-12}
    yield "a limit of zero", {"limit": _limit(Metric.DURATION, 0.0, 0.0), "value": 1e-9}
    at_least = _limit(Metric.HIT_RATIO, 0.95, 0.85, Direction.AT_LEAST)
    yield "a limit that is a minimum", {"limit": at_least, "value": 0.5}
    yield "nothing where there is a minimum", {"limit": at_least, "value": 0.0}


def _of_each_metric() -> _Samples:
    for metric in Metric:
        direction = metric.default_direction or Direction.AT_MOST
        is_at_most = direction is Direction.AT_MOST
        lines = (1.0, 2.0) if is_at_most else (0.9, 0.8)
        yield (
            f"the metric {metric}",
            {
                "limit": _limit(metric, *lines, direction, metric.default_statistic),
                "value": 3.0 if is_at_most else 0.5,
            },
        )
