"""The overhead benchmark measures every row and evaluates it correctly; speed is not asserted."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.forms import QUICK_TOLERANCE, ROWS, Form
from benchmarks.overhead import main
from benchmarks.printing import as_json, as_markdown, as_text
from benchmarks.processes import ROOT, WorkerError, environment
from benchmarks.results import (
    REFERENCE_FLOOR_NS,
    Evaluation,
    Exit,
    RowResult,
    evaluate_all,
    exit_code,
    extra_of,
    ratio_of,
)
from benchmarks.row import Comparison, Kind, Measure, Row
from benchmarks.running import Series, is_installed, measure_all, steps_of
from benchmarks.subject import Case
from benchmarks.worker import calibrate

TINY = Form(
    processes=1,
    rounds=2,
    seconds=0.001,
    imports=1,
    memory_processes=1,
    memory_calls={"memory_metrics": 800, "memory_spans": 800},
)


def fake(ratio: float, bound: float | None = 1.0, tolerance: float = 1.0) -> RowResult:
    comparison = Comparison("bare", bound=bound)
    row = Row("row", "a row", "module:function", "description", (comparison,))
    return RowResult(
        row, Series([ratio], [ratio]), (Evaluation(comparison, ratio, ratio, tolerance),)
    )


def missing() -> RowResult:
    comparison = Comparison("bare", bound=1.0)
    return RowResult(
        Row("row", "a row", "m:f", "description", (comparison,)), None, (Evaluation(comparison),)
    )


# -- a complete run


@pytest.fixture(scope="module")
def tiny_run() -> dict[str, Series]:
    return dict(measure_all(TINY, lambda _: None))


def test_a_run_measures_every_row_that_is_installed(tiny_run: dict[str, Series]) -> None:
    assert set(tiny_run) == {row.key for row in ROWS if is_installed(row)}
    for row in ROWS:
        if row.key in tiny_run and row.kind is Kind.CALL:
            assert len(tiny_run[row.key].cpu_ns) == TINY.processes * TINY.rounds
            assert all(cost > 0 for cost in tiny_run[row.key].cpu_ns + tiny_run[row.key].wall_ns)


def test_every_result_of_a_run_is_finite(tiny_run: dict[str, Series]) -> None:
    for result in evaluate_all(tiny_run):
        for evaluation in result.evaluations:
            if result.row.key in tiny_run and evaluation.comparison.baseline in {*tiny_run, ""}:
                assert evaluation.result is not None
                assert math.isfinite(evaluation.result)


def test_the_table_and_the_json_have_every_row(tiny_run: dict[str, Series]) -> None:
    results = evaluate_all(tiny_run)
    text, rows = as_text(results), json.loads(as_json(results))["rows"]
    assert [row["key"] for row in rows] == [row.key for row in ROWS]
    assert all(row.title in text for row in ROWS)


def test_progress_is_reported_at_every_step() -> None:
    rows = [row for row in ROWS if row.key in {"bare", "import_peers"}]
    steps: list[str] = []
    measure_all(TINY, steps.append, rows)
    assert len(steps) == steps_of(TINY, rows)


def test_a_row_whose_library_is_missing_is_reported() -> None:
    row = Row(
        "peer", "a peer", "nowhere:peer", "description", (Comparison("bare"),), needs="no_such_peer"
    )
    series = measure_all(TINY, lambda _: None, [row])
    results = evaluate_all(series, rows=[row])
    assert "not installed" in as_text(results)
    assert exit_code(results) is Exit.WITHIN_BOUNDS


def test_a_row_that_cannot_be_measured_reports_the_reason() -> None:
    row = Row("missing", "a missing row", "benchmarks.by_hand:no_such_row", "description")
    with pytest.raises(WorkerError, match="no_such_row"):
        measure_all(TINY, lambda _: None, [row])


def test_variables_that_change_the_results_are_not_passed_to_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert not {"OTEL_SDK_DISABLED", "PYTHONDONTWRITEBYTECODE"} & set(environment())


# -- evaluation


def test_every_baseline_is_a_row_of_the_same_kind() -> None:
    by_key = {row.key: row for row in ROWS}
    for row in ROWS:
        for comparison in row.comparisons:
            assert (comparison.measure is Measure.GROWTH) is (row.kind is Kind.MEMORY)
            if comparison.measure.needs_baseline:
                assert by_key[comparison.baseline].kind is row.kind
            else:
                assert comparison.baseline == ""


def test_a_ratio_is_the_median_over_the_rounds() -> None:
    assert ratio_of([2, 200, 9], [1, 100, 3]) == 2


def test_an_extra_cost_is_the_median_of_the_differences_in_each_round() -> None:
    assert extra_of([700, 9_100, 500], [500, 9_000, 450]) == 100


def test_rounds_that_do_not_match_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio_of([1, 2], [1])
    with pytest.raises(ValueError, match="no round"):
        ratio_of([], [])


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([fake(1.0)], Exit.WITHIN_BOUNDS),
        ([fake(1.01)], Exit.EXCEEDED),
        ([fake(9.0, bound=None)], Exit.WITHIN_BOUNDS),
        ([fake(1.5, tolerance=QUICK_TOLERANCE)], Exit.WITHIN_BOUNDS),
        ([fake(1.51, tolerance=QUICK_TOLERANCE)], Exit.EXCEEDED),
        ([fake(1.0), missing()], Exit.NOT_MEASURED),
        ([fake(1.01), missing()], Exit.EXCEEDED),
    ],
)
def test_the_exit_code_reports_whether_every_result_is_within_its_bound(
    results: list[RowResult], code: Exit
) -> None:
    assert exit_code(results) is code


def test_memory_is_evaluated_in_megabytes() -> None:
    (row,) = [row for row in ROWS if row.key == "memory_metrics"]
    ((result,),) = [evaluate_all({row.key: Series(grown_bytes=[2_000_000])}, rows=[row])]
    assert result.evaluations[0].result == 2.0
    assert exit_code([result]) is Exit.EXCEEDED


@pytest.mark.parametrize(
    ("extra", "tolerance", "within"),
    [(500.0, 1.0, True), (501.0, 1.0, False), (501.0, QUICK_TOLERANCE, True)],
)
def test_a_bound_can_limit_the_extra_cost(extra: float, tolerance: float, *, within: bool) -> None:
    comparison = Comparison("bare", bound=500.0, measure=Measure.EXTRA)
    row = Row("row", "a row", "m:f", "description", (comparison,))
    measured = {"bare": Series([40.0], [40.0]), "row": Series([40.0 + extra], [40.0 + extra])}
    (result,) = evaluate_all(measured, tolerance, [row])
    assert result.evaluations[0].within_bound is within
    assert f"+{extra:.0f} ns" in as_text([result])
    assert "+500 ns" in as_text([result])


@pytest.mark.parametrize(
    ("slowness", "tolerance", "within"),
    [
        (2.0, QUICK_TOLERANCE, True),
        (1.0, QUICK_TOLERANCE, False),
        (0.5, QUICK_TOLERANCE, False),
        (2.0, 1.0, False),
    ],
)
def test_the_short_form_extends_a_bound_of_time_on_a_slower_machine(
    slowness: float, tolerance: float, *, within: bool
) -> None:
    comparison = Comparison("bare", bound=500.0, measure=Measure.EXTRA)
    row = Row("row", "a row", "m:f", "description", (comparison,))
    floor = slowness * REFERENCE_FLOOR_NS
    measured = {
        "floor": Series([floor], [floor]),
        "bare": Series([40.0], [40.0]),
        "row": Series([1040.0], [1040.0]),
    }
    (result,) = evaluate_all(measured, tolerance, [row])
    assert result.evaluations[0].within_bound is within


def test_a_bound_can_limit_the_share_of_a_core_at_one_call_per_second() -> None:
    comparison = Comparison("", bound=0.002, measure=Measure.CORE_SHARE)
    row = Row("row", "a row", "m:f", "description", (comparison,))
    (result,) = evaluate_all({"row": Series([1e6], [5e7])}, rows=[row])
    assert result.evaluations[0].result == 0.001
    assert result.evaluations[0].within_bound
    assert "0.1 % of a core" in as_text([result])


def test_the_short_form_allows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same results, just beyond the bounds, fail the full form and pass the short one."""

    def largest_cost(comparison: Comparison, baseline: float, times: float) -> float:
        assert comparison.bound is not None
        bound = times * comparison.bound
        return {
            Measure.RATIO: bound * baseline,
            Measure.EXTRA: bound + baseline,
            Measure.CORE_SHARE: bound * 1e9,
            Measure.GROWTH: 100.0,
        }[comparison.measure]

    def slow(*_: object) -> dict[str, Series]:
        cost = {row.key: 1e7 for row in ROWS}
        for row in ROWS:
            for comparison in row.comparisons:
                if comparison.bound is not None:
                    largest = largest_cost(comparison, cost.get(comparison.baseline, 0.0), 1.2)
                    cost[row.key] = min(cost.get(row.key, math.inf), largest)
        return {key: Series([each], [each], [1_200_000]) for key, each in cost.items()}

    monkeypatch.setattr("benchmarks.overhead.measure_all", slow)
    assert main([]) is Exit.EXCEEDED
    assert main(["--quick", "--json"]) is Exit.WITHIN_BOUNDS


# -- printing


def test_dropped_spans_are_reported() -> None:
    result = fake(0.5)
    assert result.series is not None
    result.series.calls, result.series.lost = 200, 5
    assert "a row: 2.5% of the spans were dropped" in as_text([result])
    assert "2.5%" in as_markdown([result])


def test_a_slow_row_has_few_calls() -> None:
    runs: list[int] = []
    assert calibrate(Case(runs.append, min_calls=7), 0.0) == 7
    assert runs == [7]


def test_nothing_is_shown_on_a_pipe() -> None:
    code = (
        "from benchmarks.progress import progress\nwith progress(1) as tick:\n    tick('a row')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert done.stderr == done.stdout == b""


def test_times_can_be_saved_for_pyperf(tmp_path: Path) -> None:
    pyperf = pytest.importorskip("pyperf")
    from benchmarks.pyperf_file import save  # noqa: PLC0415 - pyperf is optional

    path = str(tmp_path / "times.json")
    save(path, [fake(2.0)])
    suite = pyperf.BenchmarkSuite.load(path)
    assert suite.get_benchmark_names() == ["row: cpu", "row: wall"]
