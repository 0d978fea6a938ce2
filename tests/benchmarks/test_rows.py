"""The rows of the overhead benchmark measure the described code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from benchmarks.by_hand import BUCKET_BOUNDS, reporter, traced
from benchmarks.measured import Setting, block, coroutine, metrics_only, spans_and_metrics, violated
from benchmarks.memory import BUDGETS, growth_bytes
from benchmarks.null_export import NullMetricExporter
from benchmarks.subject import TARGET_SECONDS, THRESHOLD_SECONDS, Case
from benchmarks.worker import measure

import perfkit
from benchmarks import probed, watched, windowed
from perfkit import Metric
from perfkit.otel.metrics import bounds_for
from perfkit.runtime import settings
from perfkit.runtime.process_monitor import PROCESS_METRICS
from perfkit.testing import capture_violations
from tests.fixtures import Seen


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
    make: Callable[[Setting], Case],
) -> None:
    own = Setting(spans="never")
    case = make(own)
    case.run(1000)
    case.flush()
    assert count_in(own.metrics, "perfkit.call.duration") == 1000
    assert count_in(own.metrics, "perfkit.budget.verdicts") == 1000
    assert own.spans.exported == 0


@pytest.mark.parametrize("plain", [False, True])
def test_span_rows_export_every_call_and_a_span_for_each(*, plain: bool) -> None:
    own = Setting(spans="always", plain=plain)
    measured = measure(spans_and_metrics(own), 300)
    assert measured["lost"] == 0
    assert own.spans.exported == 300
    assert count_in(own.metrics, "perfkit.call.duration") == 300


@pytest.mark.parametrize(
    ("make", "metrics"),
    [
        (windowed.percentile, {"duration"}),
        (windowed.rates, {"throughput", "error_ratio"}),
        (windowed.concurrency, {"concurrency"}),
        (windowed.block_concurrency, {"concurrency"}),
        (windowed.objective, {"burn_rate"}),
    ],
)
def test_window_rows_evaluate_every_call_over_a_window(
    make: Callable[[], Case], metrics: set[str]
) -> None:
    case = make()
    case.run(1000)
    verdicts = perfkit.evaluate_windows()
    assert {verdict.limit.metric for verdict in verdicts} == metrics
    assert {verdict.samples for verdict in verdicts} == {1000}


def test_the_evaluating_row_evaluates_all_its_budgets() -> None:
    case = windowed.evaluating()
    case.run(2)
    samples = [verdict.samples for verdict in perfkit.evaluate_windows()]
    assert len(samples) == windowed.EVALUATED_BUDGETS
    assert min(samples) >= 2


def measurement_of(make: Callable[[], Case]) -> perfkit.Measurement:
    case, seen = make(), Seen()
    settings.replace(evolve(settings.current(), observers=(seen,)))
    case.run(3)
    return seen.measurements[-1]


@pytest.mark.parametrize(
    ("make", "metric"),
    [
        (probed.collector, Metric.GC_TIME),
        (probed.cpu_time, Metric.CPU_TIME),
        (probed.cpu_percentile, Metric.CPU_TIME),
        (probed.process_memory, Metric.MEMORY_GROWTH),
        (probed.disk, Metric.DISK_WRITE_RATE),
        (probed.counts, Metric.OPEN_FILES),
        (probed.heap, Metric.MEMORY_PEAK),
    ],
)
def test_probe_rows_read_their_metric(make: Callable[[], Case], metric: Metric) -> None:
    assert metric in measurement_of(make).readings


@pytest.mark.parametrize(("make", "kind"), [(probed.profile, "cpu"), (probed.stack, "stack")])
def test_profiler_rows_collect_evidence_in_each_call(make: Callable[[], Case], kind: str) -> None:
    assert [evidence.kind for evidence in measurement_of(make).evidence] == [kind]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (probed.armed_cpu, "cpu"),
        (probed.armed_memory, "memory"),
        (probed.armed_stack, "stack"),
    ],
)
def test_armed_rows_collect_evidence_in_every_long_call(
    make: Callable[[], Case], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probed, "TEN_MILLISECONDS", 100)
    case = make()
    with capture_violations() as violations:
        case.run(3)
    collected = [[(each.kind, each.since_armed) for each in v.evidence] for v in violations]
    assert len(violations) == 3, "one before each armed call, whose duration is not evaluated"
    assert collected[0] == []
    assert [kinds for ((kinds, _),) in collected[1:]] == [kind] * 2
    assert collected[1] != collected[2], "the second armed call has evidence of its own"


def test_calls_after_an_armed_call_have_its_evidence() -> None:
    case = probed.violated_with_evidence()
    with capture_violations() as violations:
        case.run(20)
    assert len(violations) == 19
    kinds = [{evidence.kind for evidence in violation.evidence} for violation in violations]
    assert kinds == [set()] + [set(probed.EVIDENCE)] * 18


def test_the_unarmed_row_collects_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probed, "TEN_MILLISECONDS", 100)
    assert measurement_of(probed.unarmed).evidence == ()


@pytest.mark.parametrize("make", [probed.children, probed.beside_children])
def test_rows_with_children_record_nested_calls(make: Callable[[], Case]) -> None:
    make()
    assert settings.current().attributes


def test_the_monitor_rows_evaluate_ten_budgets_at_every_sample() -> None:
    Setting(watched.budgets(60.0), spans="never")
    with perfkit.monitor(interval=None) as monitor:
        monitor.sample()
        verdicts = perfkit.evaluate_windows()
    assert len({verdict.budget.name for verdict in verdicts}) == watched.PROCESS_BUDGETS
    assert {verdict.limit.metric for verdict in verdicts} == PROCESS_METRICS


def test_the_sampling_row_leaves_no_windows() -> None:
    watched.sampling().run(3)
    assert perfkit.evaluate_windows() == ()


def test_the_span_by_hand_has_the_attributes_of_perfkits() -> None:
    own = Setting(spans="always")
    by_hand = traced(own.tracer_provider.get_tracer("by hand"), reporter(own.meter_provider))
    spans = []
    for run in (spans_and_metrics(own).run, lambda _: by_hand("user", "key")):
        run(1)
        own.flush()
        assert own.spans.last is not None
        spans.append((own.spans.last.name, dict(own.spans.last.attributes or {})))
    assert spans[0] == spans[1]


def test_the_histogram_by_hand_has_perfkits_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    # The budgets of earlier tests in this process have lines too.
    monkeypatch.setattr("perfkit.otel.metrics.known_lines", lambda _: set())
    thresholds = {TARGET_SECONDS, THRESHOLD_SECONDS}
    assert bounds_for(Metric.DURATION, thresholds) == BUCKET_BOUNDS


def test_memory_is_measured_on_forty_budgets() -> None:
    runs: list[int] = []
    growth_bytes(runs.append, 4000)
    assert sum(runs[len(runs) // 2 :]) * BUDGETS == 4000
