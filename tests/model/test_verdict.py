"""Severity follows from state, and a violation describes itself."""

from __future__ import annotations

import pytest
from attrs import evolve

from perfkit.model import (
    Budget,
    CodeLocation,
    Direction,
    Evidence,
    Limit,
    Metric,
    Severity,
    State,
    Statistic,
    Verdict,
    Violation,
    severity_of,
)

LIMIT = Limit(metric=Metric.DURATION, target=0.1, threshold=0.3, direction=Direction.AT_MOST)
BUDGET = Budget(name="session_retrieval", critical=True, limits=(LIMIT,))
VIOLATION = Violation(
    budget=BUDGET,
    limit=LIMIT,
    value=0.6,
    state=State.VIOLATED,
    severity=Severity.CRITICAL,
    where=CodeLocation(function="app.load", file="app.py", line=7),
    at_ns=0,
)


@pytest.mark.parametrize(
    ("state", "critical", "severity"),
    [
        (State.MET, True, None),
        (State.NO_DATA, True, None),
        (State.DEGRADED, True, Severity.INFO),
        (State.VIOLATED, False, Severity.WARNING),
        (State.VIOLATED, True, Severity.CRITICAL),
    ],
)
def test_severity_follows_from_the_state(
    state: State, *, critical: bool, severity: Severity | None
) -> None:
    assert severity_of(state, critical=critical) is severity


def test_a_verdict_is_as_severe_as_its_budget_is_critical() -> None:
    verdict = Verdict(budget=BUDGET, limit=LIMIT, value=1.0, state=State.VIOLATED)

    assert verdict.severity is Severity.CRITICAL


def test_states_are_ranked_from_met_to_violated() -> None:
    assert sorted(State, key=lambda state: state.rank) == [
        State.MET,
        State.NO_DATA,
        State.DEGRADED,
        State.VIOLATED,
    ]


def test_severities_are_ranked() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == list(Severity)


def test_a_violation_says_which_promise_by_how_much_and_where() -> None:
    assert VIOLATION.describe() == (
        "critical session_retrieval: duration was 600 ms, threshold is at most 300 ms (2 x),"
        " in app.load (app.py:7)"
    )


def test_a_missed_target_is_described_by_the_target() -> None:
    missed = evolve(VIOLATION, value=0.2, state=State.DEGRADED, severity=Severity.INFO)

    assert "target is at most 100 ms" in missed.describe()


def test_a_figure_over_a_window_names_the_window() -> None:
    limit = Limit(
        metric=Metric.HIT_RATIO,
        target=0.95,
        threshold=0.85,
        direction=Direction.AT_LEAST,
        statistic=Statistic.RATIO,
        window=60.0,
    )

    text = evolve(VIOLATION, limit=limit, value=0.5).describe()

    assert "hit_ratio over 1 min was 50%, threshold is at least 85%, in" in text


def test_what_was_held_back_and_shared_is_said() -> None:
    text = evolve(VIOLATION, contended=True, suppressed=3).describe()

    assert text.endswith(", contended, 3 like it suppressed")


def test_a_description_is_one_harmless_line() -> None:
    text = evolve(VIOLATION, budget=Budget(name="a\n\x1b[31m")).describe()

    assert text.isprintable()


@pytest.mark.parametrize(
    ("metric", "told"), [("duration", "slow here"), ("memory_net", "big here")]
)
def test_the_evidence_that_is_told_is_the_kind_that_explains_the_metric(
    metric: str, told: str
) -> None:
    limit = evolve(VIOLATION.limit, metric=Metric(metric))
    evidence = (
        Evidence(kind="memory", summary="big here"),
        Evidence(kind="stack", note="no_samples"),
        Evidence(kind="cpu", summary="slow here"),
    )
    assert evolve(VIOLATION, limit=limit, evidence=evidence).describe().endswith(told)
