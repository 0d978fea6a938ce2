"""The overhead benchmark measures what it says, and its verdict is right; speed is not asserted."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.figures import QUICK_TOLERANCE, ROWS, Form
from benchmarks.overhead import main
from benchmarks.printing import as_json, as_markdown, as_text
from benchmarks.processes import ROOT, WorkerFailed, environment
from benchmarks.results import Exit, Judged, Result, exit_code, extra_of, judge_all, ratio_of
from benchmarks.row import Kind, Measure, Promise, Row
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


def fake(ratio: float, must: float | None = 1.0, tolerance: float = 1.0) -> Result:
    promise = Promise("bare", must=must)
    row = Row("row", "a row", "module:function", "does", (promise,))
    return Result(row, Series([ratio], [ratio]), (Judged(promise, ratio, ratio, tolerance),))


def missing() -> Result:
    promise = Promise("bare", must=1.0)
    return Result(Row("row", "a row", "m:f", "does", (promise,)), None, (Judged(promise),))


# -- the whole run


@pytest.fixture(scope="module")
def tiny_run() -> dict[str, Series]:
    return dict(measure_all(TINY, lambda _: None))


def test_a_run_measures_every_row_that_is_installed(tiny_run: dict[str, Series]) -> None:
    assert set(tiny_run) == {row.key for row in ROWS if is_installed(row)}
    for row in ROWS:
        if row.key in tiny_run and row.kind is Kind.CALL:
            assert len(tiny_run[row.key].cpu_ns) == TINY.processes * TINY.rounds
            assert all(cost > 0 for cost in tiny_run[row.key].cpu_ns + tiny_run[row.key].wall_ns)


def test_every_figure_of_a_run_is_finite(tiny_run: dict[str, Series]) -> None:
    for result in judge_all(tiny_run):
        for judged in result.judged:
            if result.row.key in tiny_run and judged.promise.yardstick in {*tiny_run, ""}:
                assert judged.figure is not None
                assert math.isfinite(judged.figure)


def test_the_table_and_the_json_have_every_row(tiny_run: dict[str, Series]) -> None:
    results = judge_all(tiny_run)
    text, rows = as_text(results), json.loads(as_json(results))["rows"]
    assert [row["key"] for row in rows] == [row.key for row in ROWS]
    assert all(row.title in text for row in ROWS)


def test_progress_is_told_of_every_step() -> None:
    rows = [row for row in ROWS if row.key in {"bare", "import_peers"}]
    told: list[str] = []
    measure_all(TINY, told.append, rows)
    assert len(told) == steps_of(TINY, rows)


def test_a_row_whose_library_is_missing_says_so() -> None:
    row = Row("peer", "a peer", "nowhere:peer", "does", (Promise("bare"),), needs="no_such_peer")
    series = measure_all(TINY, lambda _: None, [row])
    results = judge_all(series, rows=[row])
    assert "not installed" in as_text(results)
    assert exit_code(results) is Exit.HOLDS


def test_a_row_that_cannot_be_measured_says_why() -> None:
    row = Row("broken", "a broken row", "benchmarks.by_hand:no_such_row", "does")
    with pytest.raises(WorkerFailed, match="no_such_row"):
        measure_all(TINY, lambda _: None, [row])


def test_variables_that_change_the_figures_do_not_reach_the_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert not {"OTEL_SDK_DISABLED", "PYTHONDONTWRITEBYTECODE"} & set(environment())


# -- what is judged


def test_every_yardstick_is_a_row_of_the_same_kind() -> None:
    by_key = {row.key: row for row in ROWS}
    for row in ROWS:
        for promise in row.promises:
            assert (promise.measure is Measure.GROWTH) is (row.kind is Kind.MEMORY)
            if promise.measure.needs_yardstick:
                assert by_key[promise.yardstick].kind is row.kind
            else:
                assert promise.yardstick == ""


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    assert ratio_of([2, 200, 9], [1, 100, 3]) == 2


def test_what_a_row_adds_is_the_median_of_what_it_adds_in_each_round() -> None:
    assert extra_of([700, 9_100, 500], [500, 9_000, 450]) == 100


def test_rounds_that_do_not_match_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio_of([1, 2], [1])
    with pytest.raises(ValueError, match="no round"):
        ratio_of([], [])


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([fake(1.0)], Exit.HOLDS),
        ([fake(1.01)], Exit.BROKEN),
        ([fake(9.0, must=None)], Exit.HOLDS),
        ([fake(1.5, tolerance=QUICK_TOLERANCE)], Exit.HOLDS),
        ([fake(1.51, tolerance=QUICK_TOLERANCE)], Exit.BROKEN),
        ([fake(1.0), missing()], Exit.NOT_MEASURED),
        ([fake(1.01), missing()], Exit.BROKEN),
    ],
)
def test_the_exit_code_says_whether_every_must_holds(results: list[Result], code: Exit) -> None:
    assert exit_code(results) is code


def test_memory_is_judged_in_megabytes() -> None:
    (row,) = [row for row in ROWS if row.key == "memory_metrics"]
    ((result,),) = [judge_all({row.key: Series(grown_bytes=[2_000_000])}, rows=[row])]
    assert result.judged[0].figure == 2.0
    assert exit_code([result]) is Exit.BROKEN


@pytest.mark.parametrize(
    ("extra", "tolerance", "holds"),
    [(500.0, 1.0, True), (501.0, 1.0, False), (501.0, QUICK_TOLERANCE, True)],
)
def test_a_row_can_be_held_to_what_it_adds(extra: float, tolerance: float, *, holds: bool) -> None:
    promise = Promise("bare", must=500.0, measure=Measure.EXTRA)
    row = Row("row", "a row", "m:f", "does", (promise,))
    measured = {"bare": Series([40.0], [40.0]), "row": Series([40.0 + extra], [40.0 + extra])}
    (result,) = judge_all(measured, tolerance, [row])
    assert result.judged[0].holds is holds
    assert f"+{extra:.0f} ns" in as_text([result])
    assert "+500 ns" in as_text([result])


def test_a_row_can_be_held_to_its_share_of_a_core_at_one_call_a_second() -> None:
    promise = Promise("", must=0.002, measure=Measure.CORE_SHARE)
    row = Row("row", "a row", "m:f", "does", (promise,))
    (result,) = judge_all({"row": Series([1e6], [5e7])}, rows=[row])
    assert result.judged[0].figure == 0.001
    assert result.judged[0].holds
    assert "0.1 % of a core" in as_text([result])


def test_the_short_form_allows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same figures, just beyond the musts, fail the full form and pass the short one."""

    def most_of(promise: Promise, yardstick: float, times: float) -> float:
        assert promise.must is not None
        most = times * promise.must
        return {
            Measure.RATIO: most * yardstick,
            Measure.EXTRA: most + yardstick,
            Measure.CORE_SHARE: most * 1e9,
            Measure.GROWTH: 100.0,
        }[promise.measure]

    def slow(*_: object) -> dict[str, Series]:
        cost = {row.key: 1e7 for row in ROWS}
        for row in ROWS:
            for promise in row.promises:
                if promise.must is not None:
                    most = most_of(promise, cost.get(promise.yardstick, 0.0), 1.2)
                    cost[row.key] = min(cost.get(row.key, math.inf), most)
        return {key: Series([each], [each], [1_200_000]) for key, each in cost.items()}

    monkeypatch.setattr("benchmarks.overhead.measure_all", slow)
    assert main([]) is Exit.BROKEN
    assert main(["--quick", "--json"]) is Exit.HOLDS


# -- what is printed


def test_dropped_spans_are_named() -> None:
    result = fake(0.5)
    assert result.series is not None
    result.series.calls, result.series.lost = 200, 5
    assert "a row: 2.5% of the spans were dropped" in as_text([result])
    assert "2.5%" in as_markdown([result])


def test_a_slow_row_has_few_calls() -> None:
    made: list[int] = []
    assert calibrate(Case(made.append, fewest=7), 0.0) == 7
    assert made == [7]


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


def test_figures_can_be_saved_for_pyperf(tmp_path: Path) -> None:
    pyperf = pytest.importorskip("pyperf")
    from benchmarks.pyperf_file import save  # noqa: PLC0415 - pyperf is optional

    path = str(tmp_path / "figures.json")
    save(path, [fake(2.0)])
    suite = pyperf.BenchmarkSuite.load(path)
    assert suite.get_benchmark_names() == ["row: cpu", "row: wall"]
