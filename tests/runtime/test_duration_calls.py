"""A call that takes the short cut is reported exactly as one that goes the whole way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import perfkit
from perfkit import Metric, Telemetry, budget, timed
from perfkit.catalog import parse_limits
from perfkit.model import Budget
from perfkit.otel import metric_exporter
from perfkit.otel.metrics import CallRecorder
from perfkit.runtime import internal_errors
from perfkit.testing import capture_violations
from tests.soak.backend import LastMetrics

_CATALOG = perfkit.Catalog(
    budgets=[
        Budget(name="quick", limits=parse_limits(Metric.DURATION, ("10s", "20s"))),
        Budget(name="slow", limits=parse_limits(Metric.DURATION, ("0s", "0s")), critical=True),
        Budget(name="missed", limits=parse_limits(Metric.DURATION, ("0s", "20s"))),
        Budget(name="late", spans="violations", limits=parse_limits(Metric.DURATION, "0s")),
        Budget(name="kept", spans="violations", limits=parse_limits(Metric.DURATION, "20s")),
        Budget(name="silent", spans="never", limits=parse_limits(Metric.DURATION, "0s")),
        Budget(name="ratio", limits=parse_limits(Metric.HIT_RATIO, "90%")),
    ],
)
_NAMES = [each.name for each in _CATALOG.budgets]


def _points(exporter: LastMetrics) -> dict[Any, Any]:
    assert exporter.last is not None
    return {
        (metric.name, frozenset(point.attributes.items())): getattr(point, "count", None)
        or getattr(point, "value", None)
        for resource in exporter.last.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if metric.name.startswith(("perfkit.call", "perfkit.budget"))
    }


class _Bystander:
    """An observer that does nothing, but makes every call go the whole way."""

    def start(self, *_: Any) -> None:
        return None


def _work(fail: type[BaseException] | None) -> str:
    with trace.get_tracer("app").start_as_current_span("inside"):
        if fail is not None:
            raise fail("mine")
    return "done"


def _program() -> list[str]:
    """Call everything in every way; return what came back."""
    results = []
    for name in _NAMES:
        for fail in (None, LookupError, KeyboardInterrupt):

            @timed(name)
            def function(fail: Any = fail) -> str:
                return _work(fail)

            @timed(name)
            async def coroutine(fail: Any = fail) -> str:
                await asyncio.sleep(0)
                return _work(fail)

            def block(fail: Any = fail, name: str = name) -> str:
                with budget(name):
                    return _work(fail)

            for call in (function, block, lambda: _drive(coroutine())):
                try:
                    results.append(call())
                except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt is one of the cases
                    results.append(type(error).__name__)
    return results


def _drive(coroutine: Any) -> Any:
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def _run(*, counted: bool, whole_way: bool) -> dict[str, Any]:
    exporter, spans = LastMetrics(), InMemorySpanExporter()
    reader = PeriodicExportingMetricReader(
        metric_exporter(exporter) if counted else exporter, export_interval_millis=3_600_000
    )
    tracer_provider, meter_provider = TracerProvider(), MeterProvider([reader])
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    perfkit.configure(
        _CATALOG,
        telemetry=Telemetry(tracer_provider=tracer_provider, meter_provider=meter_provider),
        observers=[_Bystander()] if whole_way else [],
    )
    with capture_violations() as heard:
        results = _program()
    meter_provider.force_flush()
    told = {
        "results": results,
        "points": _points(exporter),
        "spans": [_told(span) for span in spans.get_finished_spans()],
        "violations": [
            (v.budget.name, v.state, v.outcome, v.where.function, v.where.line, bool(v.span_id))
            for v in heard
        ],
    }
    meter_provider.shutdown()
    tracer_provider.shutdown()
    return told


def _told(span: Any) -> Any:
    attributes = dict(span.attributes)
    return (span.name, attributes, span.status.status_code, span.status.description)


def test_every_way_tells_the_same() -> None:
    short = _run(counted=True, whole_way=False)
    assert short["points"]
    assert short["spans"]
    assert short["violations"]
    assert _run(counted=True, whole_way=True) == short
    assert _run(counted=False, whole_way=False) == short
    assert _run(counted=False, whole_way=True) == short


def test_a_block_that_took_the_short_cut_keeps_its_result_when_the_settings_change() -> None:
    perfkit.configure(_CATALOG)
    with budget("quick") as spent:
        time.sleep(0.001)
    perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore")
    with budget("quick") as later:
        pass
    assert (spent.duration or 0) >= 0.001
    assert (spent.outcome, spent.state, later.state) == ("ok", "met", "no_data")


class _BrokenProcessor(SpanProcessor):
    """Fails wherever it can."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("broken on_start")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("broken on_end")


@pytest.mark.usefixtures("lenient")
def test_a_span_processor_that_raises_does_not_reach_the_application() -> None:
    provider = TracerProvider()
    provider.add_span_processor(_BrokenProcessor())
    before = sum(internal_errors.counts().values())
    for observers in ([], [_Bystander()]):
        perfkit.configure(
            _CATALOG, telemetry=Telemetry(tracer_provider=provider), observers=observers
        )
        with budget("quick") as spent:
            pass
        assert spent.state == "met"
    assert sum(internal_errors.counts().values()) > before
    provider.shutdown()


@pytest.mark.usefixtures("lenient")
def test_the_span_of_a_call_ends_although_the_call_cannot_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("cannot be counted")

    monkeypatch.setattr(CallRecorder, "record", refuse)
    telemetry = Telemetry(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
    perfkit.configure(_CATALOG, telemetry=telemetry)
    with budget("quick"):
        pass
    assert internal_errors.counts()["telemetry"] >= 1
    assert not trace.get_current_span().get_span_context().is_valid


class _BrokenProvider(TracerProvider):
    """Cannot even give a tracer."""

    def get_tracer(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no tracer")


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("observers", [[], [_Bystander()]])
def test_a_provider_that_raises_does_not_reach_the_application(observers: Any) -> None:
    provider = _BrokenProvider()
    before = internal_errors.counts().get("telemetry", 0)
    perfkit.configure(_CATALOG, telemetry=Telemetry(tracer_provider=provider), observers=observers)
    with capture_violations() as violations, budget("slow") as spent:
        pass
    assert spent.state == "violated"
    assert len(violations) == 1
    assert internal_errors.counts()["telemetry"] > before
    provider.shutdown()
