"""Calls counted in bulk arrive at a real OTLP receiver exactly: not one more, not one less."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

_PROGRAM = """
import asyncio, os, sys, threading
import perfkit
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from perfkit import Budget, Metric, Telemetry, budget, timed
from perfkit.catalog import parse_limits
from perfkit.otel import metric_exporter

temporality = AggregationTemporality[sys.argv[1]]
preferred = {Histogram: temporality, Counter: temporality}
exporter = metric_exporter(OTLPMetricExporter(preferred_temporality=preferred))
interval = int(sys.argv[4])
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=interval)
provider = MeterProvider([reader])
catalog = perfkit.Catalog(budgets=[
    Budget(name="quick", limits=parse_limits(Metric.DURATION, ("10s", "20s"))),
    Budget(name="slow", limits=parse_limits(Metric.DURATION, ("0s", "0s"))),
])
perfkit.configure(
    catalog, telemetry=Telemetry(meter_provider=provider), spans="never", sinks=[]
)

@timed("quick")
def function():
    pass

@timed("quick")
async def coroutine():
    pass

@timed("slow")
def failing():
    raise LookupError

def in_thread():
    for _ in range(CALLS):
        function()
    for _ in range(CALLS):
        with budget("quick"):
            pass
    for _ in range(100):
        try:
            failing()
        except LookupError:
            pass

async def in_task():
    for _ in range(100):
        await coroutine()
        await asyncio.sleep(0)

async def in_loop():
    await asyncio.gather(*(in_task() for _ in range(1000)))

CALLS = int(sys.argv[2])
threads = [threading.Thread(target=in_thread) for _ in range(8)]
for thread in threads:
    thread.start()
asyncio.run(in_loop())
for thread in threads:
    thread.join()
if sys.argv[3] == "fork":
    child = os.fork()
    if child == 0:
        for _ in range(77):
            function()
        provider.shutdown()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for _ in range(33):
        function()
provider.shutdown()
"""


def _ship(receiver: Any, temporality: str, calls: int, fork: str = "") -> list[Any]:
    receiver.clear()
    interval = "3600000" if fork else "200"  # the SDK does not survive a fork during an export
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, temporality, str(calls), fork, interval],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **{name: value for name, value in os.environ.items() if "COV" not in name},
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        },
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(receiver.metrics())


def _streams(points: list[Any], name: str, *, is_delta: bool) -> dict[Any, list[Any]]:
    """Return what a backend would make of the points: all of a delta, the last of a cumulation.

    One stream for each set of attributes and each start, because a forked process starts anew.
    """
    streams: dict[Any, list[Any]] = {}
    for point in points:
        if point["name"] == name:
            start = "" if is_delta else point["start_ns"]
            key = (frozenset(point["attributes"].items()), start)
            streams.setdefault(key, []).append(point)
    return streams if is_delta else {key: [found[-1]] for key, found in streams.items()}


def _total(points: list[Any], name: str, field: str, *, is_delta: bool) -> dict[str, int]:
    total: Counter[str] = Counter()
    for (attributes, _), found in _streams(points, name, is_delta=is_delta).items():
        about = dict(attributes)
        key = about.get("perfkit.outcome") or about["perfkit.budget.state"]
        total[f"{about['perfkit.budget.name']} {key}"] += sum(point[field] for point in found)
    return dict(total)


@pytest.mark.parametrize("temporality", ["CUMULATIVE", "DELTA"])
def test_a_million_calls_arrive_exactly(otlp_receiver: Any, temporality: str) -> None:
    """8 threads and 1,000 tasks, across periodic exports and the flush of the shutdown."""
    is_delta = temporality == "DELTA"
    calls = 56_250
    points = _ship(otlp_receiver, temporality, calls)
    expected = 8 * 2 * calls + 1000 * 100
    assert expected == 1_000_000
    name = "perfkit.call.duration"
    assert _total(points, name, "count", is_delta=is_delta) == {
        "quick ok": expected,
        "slow error": 800,
    }
    verdicts = _total(points, "perfkit.budget.verdicts", "value", is_delta=is_delta)
    assert verdicts == {"quick met": expected, "slow violated": 800}
    for found in _streams(points, name, is_delta=is_delta).values():
        for point in found:
            assert sum(point["bucket_counts"]) == point["count"]
            assert {10.0, 20.0} <= set(point["explicit_bounds"])
            assert point["temporality"] == temporality.lower()
            assert point["min"] <= point["sum"] / point["count"] <= point["max"]


@pytest.mark.parametrize("temporality", ["CUMULATIVE", "DELTA"])
def test_a_forked_child_reports_its_own_calls_and_the_parent_its_own(
    otlp_receiver: Any, temporality: str
) -> None:
    is_delta = temporality == "DELTA"
    points = _ship(otlp_receiver, temporality, 1000, "fork")
    counts = _total(points, "perfkit.call.duration", "count", is_delta=is_delta)
    assert counts["quick ok"] == 8 * 2 * 1000 + 100_000 + 77 + 33
