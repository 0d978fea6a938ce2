"""The reliability benchmark measures and evaluates every row, and reports by its exit code."""

from __future__ import annotations

import json

import pytest
from benchmarks.faulty import KINDS
from benchmarks.processes import WorkerError
from benchmarks.reliability import Form, main, measure, steps_of
from benchmarks.reliability_rows import (
    Latencies,
    Samples,
    as_json,
    as_markdown,
    as_text,
    evaluate,
    exit_code,
    percentile,
)
from benchmarks.results import Exit

TINY = Form(rounds=1, calls=20, exits=1, waiting=20, memory_processes=1, violations=2000)


def samples(
    *, faulty: float = 1.0, first: float = 3.0, exit_seconds: float = 1.5, grown_mb: float = 1.0
) -> Samples:
    latency = {"healthy": 1.0, "faulty": faulty, "bare": 0.1}
    return Samples(
        latencies={kind: Latencies([[latency[kind]] * 10], first=first) for kind in KINDS},
        exit_seconds=[exit_seconds],
        grown_mb=[grown_mb],
    )


def test_every_row_is_measured() -> None:
    steps: list[str] = []
    rows = evaluate(measure(TINY, steps.append))
    assert len(steps) == steps_of(TINY)
    assert [row.key for row in rows if row.result is None] == []
    assert exit_code(rows) in {Exit.WITHIN_BOUNDS, Exit.EXCEEDED}


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (samples(), Exit.WITHIN_BOUNDS),
        (samples(faulty=2.0), Exit.WITHIN_BOUNDS),
        (samples(faulty=2.1), Exit.EXCEEDED),
        (samples(faulty=6.0), Exit.EXCEEDED),
        (samples(first=5.1), Exit.EXCEEDED),
        (samples(exit_seconds=2.1), Exit.EXCEEDED),
        (samples(grown_mb=21.0), Exit.EXCEEDED),
        (Samples(), Exit.NOT_MEASURED),
    ],
)
def test_the_exit_code_reports_whether_every_result_is_within_its_bound(
    measured: Samples, code: Exit
) -> None:
    assert exit_code(evaluate(measured)) is code


def test_added_latency_is_the_difference_to_the_median_call_within_its_budget() -> None:
    latencies = Latencies()
    latencies.add({"met_ns": [1_000_000, 1_000_000, 9_000_000], "violated_ns": [3_000_000, 8e6]})
    assert latencies.all == [2.0, 7.0]
    assert latencies.over == 1


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_the_table_and_the_json_have_every_row() -> None:
    measured = samples(faulty=6.0)
    rows = evaluate(measured)
    for text in (as_text(rows), as_markdown(rows)):
        assert all(row.title in text for row in rows)
        assert "NO" in text
    records = json.loads(as_json(rows, measured))["rows"]
    assert [record["key"] for record in records] == [row.key for row in rows]


def test_a_failed_measurement_reports_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Form, __: object) -> Samples:
        raise WorkerError("no receivers")

    monkeypatch.setattr("benchmarks.reliability.measure", fail)
    assert main(["--quick"]) is Exit.NOT_MEASURED
    assert "no receivers" in capsys.readouterr().err
