"""The overhead benchmark measures what it says, and its verdict is right; speed is not asserted."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.by_hand import BOUNDS, reporter, traced
from benchmarks.figures import QUICK_TOLERANCE, ROWS, Form, Kind, Promise, Row
from benchmarks.measured import Setting, block, coroutine, metrics_only, spans_and_metrics, violated
from benchmarks.memory import BUDGETS, growth_bytes
from benchmarks.null_export import NullMetricExporter
from benchmarks.overhead import main
from benchmarks.printing import BEGIN, END, as_json, as_markdown, as_text, write_page
from benchmarks.results import Exit, Judged, Result, exit_code, judge_all, ratio_of
from benchmarks.running import (
    ROOT,
    Series,
    WorkerFailed,
    environment,
    is_installed,
    measure_all,
    steps_of,
)
from benchmarks.subject import TARGET_SECONDS, THRESHOLD_SECONDS, Case
from benchmarks.worker import measure

from perfkit import Metric
from perfkit.otel.bounds import bounds_for

TINY = Form(
    processes=1,
    rounds=2,
    seconds=0.001,
    imports=1,
    memory_calls={"memory_metrics": 800, "memory_spans": 800},
)


@pytest.fixture
def setting() -> Iterator[Callable[..., Setting]]:
    """Make a setting whose background threads are stopped after the test."""
    made: list[Setting] = []

    def make(**settings: Any) -> Setting:
        made.append(Setting(**settings))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


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


def test_every_ratio_of_a_run_is_finite(tiny_run: dict[str, Series]) -> None:
    for result in judge_all(tiny_run):
        for judged in result.judged:
            if result.row.key in tiny_run and judged.promise.yardstick in {*tiny_run, ""}:
                assert judged.ratio is not None
                assert math.isfinite(judged.ratio)


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
            if row.kind is Kind.MEMORY:
                assert promise.yardstick == ""
            else:
                assert by_key[promise.yardstick].kind is row.kind


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    assert ratio_of([2, 200, 9], [1, 100, 3]) == 2


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
    assert result.judged[0].ratio == 2.0
    assert exit_code([result]) is Exit.BROKEN


def test_the_short_form_allows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same figures, just beyond the musts, fail the full form and pass the short one."""

    def slow(*_: object) -> dict[str, Series]:
        cost = {row.key: 100.0 for row in ROWS}
        musts = [(row.key, p) for row in ROWS for p in row.promises if p.must and p.yardstick]
        for key, promise in musts:
            assert promise.must is not None
            cost[key] = min(cost.get(key, math.inf), 1.2 * promise.must * cost[promise.yardstick])
        return {key: Series([each], [each], [1_200_000]) for key, each in cost.items()}

    monkeypatch.setattr("benchmarks.overhead.measure_all", slow)
    assert main([]) is Exit.BROKEN
    assert main(["--quick", "--json"]) is Exit.HOLDS


# -- what is printed


def test_the_page_gets_the_table_in_its_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}last time\n{END}after\n")
    write_page(page, [fake(0.5)])
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "last time" not in text
    assert "| a row |" in text
    assert "| yes |" in text


def test_a_page_without_a_place_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n")
    with pytest.raises(ValueError, match="no place"):
        write_page(page, [fake(0.5)])


def test_the_docs_have_a_place_for_the_table() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    assert BEGIN in text
    assert END in text


def test_dropped_spans_are_named() -> None:
    result = fake(0.5)
    assert result.series is not None
    result.series.calls, result.series.lost = 200, 5
    assert "a row: 2.5% of the spans were dropped" in as_text([result])
    assert "2.5%" in as_markdown([result])


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


# -- that rows do what they say


def count_in(exporter: NullMetricExporter, name: str) -> int:
    assert exporter.last is not None
    points = [
        point
        for resource in exporter.last.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
    return sum(getattr(point, "count", 0) or getattr(point, "value", 0) for point in points)


@pytest.mark.parametrize("make", [metrics_only, block, coroutine, violated])
def test_metrics_rows_export_every_call_and_no_span(
    make: Callable[[Setting], Case], setting: Callable[..., Setting]
) -> None:
    own = setting(spans="never")
    case = make(own)
    case.run(1000)
    case.flush()
    assert count_in(own.metrics, "perfkit.call.duration") == 1000
    assert count_in(own.metrics, "perfkit.budget.verdicts") == 1000
    assert own.spans.shipped == 0


@pytest.mark.parametrize("plain", [False, True])
def test_span_rows_export_every_call_and_a_span_for_each(
    setting: Callable[..., Setting], *, plain: bool
) -> None:
    own = setting(spans="always", plain=plain)
    answer = measure(spans_and_metrics(own), 300)
    assert answer["lost"] == 0
    assert own.spans.shipped == 300
    assert count_in(own.metrics, "perfkit.call.duration") == 300


def test_the_span_by_hand_has_the_attributes_of_perfkits(setting: Callable[..., Setting]) -> None:
    own = setting(spans="always")
    by_hand = traced(own.tracer_provider.get_tracer("by hand"), reporter(own.meter_provider))
    spans = []
    for run in (spans_and_metrics(own).run, lambda _: by_hand("user", "key")):
        run(1)
        own.flush()
        assert own.spans.last is not None
        spans.append((own.spans.last.name, dict(own.spans.last.attributes or {})))
    assert spans[0] == spans[1]


def test_the_histogram_by_hand_has_perfkits_bounds(setting: Callable[..., Setting]) -> None:
    setting()
    lines = {TARGET_SECONDS, THRESHOLD_SECONDS}
    assert bounds_for(Metric.DURATION, lines) == BOUNDS


def test_memory_is_measured_on_forty_budgets(setting: Callable[..., Setting]) -> None:
    del setting
    seen: list[int] = []
    growth_bytes(seen.append, 4000)
    assert sum(seen[len(seen) // 3 :]) * BUDGETS == 4000


def test_figures_can_be_saved_for_pyperf(tmp_path: Path) -> None:
    pyperf = pytest.importorskip("pyperf")
    from benchmarks.pyperf_file import save  # noqa: PLC0415 - pyperf is optional

    path = str(tmp_path / "figures.json")
    save(path, [fake(2.0)])
    suite = pyperf.BenchmarkSuite.load(path)
    assert suite.get_benchmark_names() == ["row: cpu", "row: wall"]
