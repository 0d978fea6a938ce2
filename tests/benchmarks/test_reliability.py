"""The reliability benchmark runs, judges, and says so by its exit code."""

from __future__ import annotations

import json

import pytest
from benchmarks.faulty import KINDS
from benchmarks.processes import WorkerFailed
from benchmarks.reliability import Form, main, measure, steps_of
from benchmarks.reliability_bars import (
    Figures,
    Latencies,
    as_json,
    as_markdown,
    as_text,
    exit_code,
    judge,
    percentile,
)
from benchmarks.results import Exit

TINY = Form(rounds=1, calls=20, exits=1, waiting=20, memory_processes=1, violations=2000)


def figures(
    *, faulty: float = 1.0, first: float = 3.0, exit_seconds: float = 1.5, grown_mb: float = 1.0
) -> Figures:
    took = {"healthy": 1.0, "faulty": faulty, "bare": 0.1}
    return Figures(
        latencies={kind: Latencies([[took[kind]] * 10], first=first) for kind in KINDS},
        exit_seconds=[exit_seconds],
        grown_mb=[grown_mb],
    )


def test_it_measures_every_bar() -> None:
    told: list[str] = []
    bars = judge(measure(TINY, told.append))
    assert len(told) == steps_of(TINY)
    assert [bar.key for bar in bars if bar.figure is None] == []
    assert exit_code(bars) in {Exit.HOLDS, Exit.BROKEN}


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (figures(), Exit.HOLDS),
        (figures(faulty=2.0), Exit.HOLDS),
        (figures(faulty=2.1), Exit.BROKEN),
        (figures(faulty=6.0), Exit.BROKEN),
        (figures(first=5.1), Exit.BROKEN),
        (figures(exit_seconds=2.1), Exit.BROKEN),
        (figures(grown_mb=21.0), Exit.BROKEN),
        (Figures(), Exit.NOT_MEASURED),
    ],
)
def test_the_exit_code_says_whether_every_bar_holds(measured: Figures, code: Exit) -> None:
    assert exit_code(judge(measured)) is code


def test_added_latency_is_beyond_the_usual_call_that_keeps_its_budget() -> None:
    latencies = Latencies()
    latencies.add({"kept_ns": [1_000_000, 1_000_000, 9_000_000], "broken_ns": [3_000_000, 8e6]})
    assert latencies.all == [2.0, 7.0]
    assert latencies.over == 1


def test_a_percentile_of_few_is_one_of_them() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_the_table_and_the_json_have_every_bar() -> None:
    measured = figures(faulty=6.0)
    bars = judge(measured)
    for text in (as_text(bars), as_markdown(bars)):
        assert all(bar.title in text for bar in bars)
        assert "NO" in text
    records = json.loads(as_json(bars, measured))["bars"]
    assert [record["key"] for record in records] == [bar.key for bar in bars]


def test_what_cannot_be_measured_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Form, __: object) -> Figures:
        raise WorkerFailed("no receivers")

    monkeypatch.setattr("benchmarks.reliability.measure", fail)
    assert main(["--quick"]) is Exit.NOT_MEASURED
    assert "no receivers" in capsys.readouterr().err
