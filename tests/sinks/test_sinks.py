"""Raising, and the sentence and the record that every sink writes."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from perfkit import BudgetExceeded, Severity, State
from perfkit.errors import ConfigurationError
from perfkit.model import Budget, CodeLocation, Evidence, Statistic
from perfkit.model.record import all_printable
from perfkit.sinks import RaiseSink, as_record
from tests.sinks.violations import make_violation


def test_a_description_with_everything_in_it_is_one_line_of_bounded_length() -> None:
    """Which promise, by how much, where, how often, the number suppressed, and why."""
    hostile = f"first\n\x1b[31m\u2028{'x' * 1_000_000}last"
    at_ns = 1_700_000_000_000_000_000
    limit = evolve(make_violation().limit, statistic=Statistic.P95, window=300.0)
    text = make_violation(
        budget=Budget(name=hostile),
        limit=limit,
        where=CodeLocation(function=hostile, file=hostile, line=7),
        environment=hostile,
        contended=True,
        samples=12_345,
        suppressed=7,
        suppressed_since_ns=at_ns - 60 * 10**9,
        evidence=(Evidence(kind="stack", summary=hostile), Evidence(kind="cpu", summary="no")),
    ).describe()
    assert text.isprintable()
    assert len(text) < 2_000
    positions = [
        text.index(each)
        for each in (
            "critical first\\n\\x1b[31m\\u2028xxx",
            "xlast: duration p95 over 5 min was 412 ms, threshold is at most 300 ms (1.37 x)",
            ", in first\\n",
            "xlast:7), contended, of 12,345 samples, 8 times in 1 min (7 of them suppressed)",
            ", first",
        )
    ]
    assert positions == sorted(positions)
    assert text.endswith("xlast")


def test_every_text_of_plain_data_can_be_made_printable() -> None:
    hostile = {"a\n": ["\x1b[31m", ("größe", {"\u202e": 1.5})], "b": None}
    printable = {"a\\n": ["\\x1b[31m", ["größe", {"\\u202e": 1.5}]], "b": None}
    assert all_printable(hostile) == printable


@pytest.mark.parametrize("contended", ["no", 1, None])
def test_whether_to_raise_is_true_or_false(contended: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"contended is .*; write True or False"):
        RaiseSink(contended=contended)


def test_raise_raises_for_a_broken_threshold_only() -> None:
    with pytest.raises(BudgetExceeded) as caught:
        RaiseSink().emit(make_violation())
    assert caught.value.violations[0].value == 0.412
    RaiseSink().emit(make_violation(state=State.DEGRADED, severity=Severity.INFO))


def test_raise_spares_a_contended_value_unless_asked() -> None:
    RaiseSink().emit(make_violation(contended=True))
    with pytest.raises(BudgetExceeded):
        RaiseSink(contended=True).emit(make_violation(contended=True))


def test_a_record_says_everything() -> None:
    evidence = (Evidence(kind="cpu", rows=({"function": "f"},)),)
    violation = make_violation(
        environment="production",
        is_test=True,
        suppressed=2,
        suppressed_since_ns=1_700_000_000_000_000_000,
        evidence=evidence,
    )
    assert as_record(violation) == {
        "time": "2023-11-14T22:13:20+00:00",
        "severity": "critical",
        "state": "violated",
        "budget": "load",
        "category": "database",
        "critical": True,
        "metric": "duration",
        "statistic": "each",
        "value": 0.412,
        "unit": "s",
        "target": 0.1,
        "threshold": 0.3,
        "direction": "at_most",
        "function": "app.load",
        "file": "app.py",
        "line": 7,
        "outcome": "ok",
        "environment": "production",
        "test": True,
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
        "contended": False,
        "suppressed": 2,
        "suppressed_since": "2023-11-14T22:13:20+00:00",
        "samples": 1,
        "recovery": False,
        "since": "",
        "evidence": [
            {
                "kind": "cpu",
                "summary": "",
                "rows": [{"function": "f"}],
                "note": "",
                "since_armed": None,
            }
        ],
    }
