"""The process under the names of the semantic conventions."""

from __future__ import annotations

from typing import Any

import perfkit
from perfkit import Metric
from perfkit.catalog import parse_limits
from perfkit.model import Budget

_NAMES = [
    "process.cpu.time",
    "process.memory.usage",
    "process.memory.virtual",
    "process.thread.count",
    "process.unix.file_descriptor.count",
]


def _configure(backend: Any, **settings: Any) -> None:
    base = Budget(name="base", limits=parse_limits(Metric.MEMORY_RSS, "64GB"))
    perfkit.configure(
        perfkit.Catalog(budgets=[base]), telemetry=backend.telemetry, sinks=[], **settings
    )


def test_a_monitored_process_is_reported(backend: Any) -> None:
    _configure(backend)
    with perfkit.monitor(interval=None):
        points = {name: backend.points(name) for name in _NAMES}
    assert {name: len(found) for name, found in points.items()} == {
        name: 2 if name == "process.cpu.time" else 1 for name in _NAMES
    }
    modes = {point.attributes["cpu.mode"] for point in points["process.cpu.time"]}
    assert modes == {"user", "system"}
    assert points["process.memory.usage"][0].value > 1e6


def test_nothing_is_reported_while_nothing_samples(backend: Any) -> None:
    _configure(backend)
    with perfkit.monitor(interval=None):
        pass
    assert backend.points("process.memory.usage") == []


def test_a_metric_that_something_else_reports_is_left_to_it(backend: Any) -> None:
    _configure(backend)
    counter = backend.meter_provider.get_meter("other").create_counter("process.cpu.time", "s")
    counter.add(7)
    with perfkit.monitor(interval=None):
        assert [point.value for point in backend.points("process.cpu.time")] == [7]
        assert len(backend.points("process.memory.usage")) == 1


def test_two_monitors_report_the_process_once(backend: Any) -> None:
    _configure(backend)
    with perfkit.monitor(interval=None), perfkit.monitor(interval=None):
        assert len(backend.points("process.memory.usage")) == 1


def test_the_overhead_is_a_metric(backend: Any) -> None:
    _configure(backend)
    with perfkit.budget("load", memory_peak="1GB"):
        _ = bytearray(1_000_000)
    (point,) = backend.points("perfkit.self.overhead")
    assert point.value > 0


def test_judgements_of_windows_are_counted_apart(backend: Any) -> None:
    _configure(backend)
    with perfkit.budget(
        "load", duration=[{"threshold": "1h"}, {"threshold": "1h", "statistic": "p95"}]
    ):
        pass
    perfkit.evaluate_windows()
    (of_calls,) = backend.points("perfkit.budget.verdicts")
    (of_windows,) = backend.points("perfkit.window.verdicts")
    assert (of_calls.value, of_windows.attributes["perfkit.statistic"]) == (1, "p95")
    assert of_windows.value >= 1


def test_a_recovery_is_an_event_of_its_own(backend: Any, clock: Any) -> None:
    _configure(backend, clock=clock)
    perfkit.configure(
        perfkit.Catalog(), telemetry=backend.telemetry, clock=clock, sinks=["otel"], spans="never"
    )
    for seconds in (1.0, 0.0, 0.0, 0.0):
        with perfkit.budget("load", duration={"threshold": "1ms", "statistic": "p50"}):
            clock.advance(seconds)
        clock.advance(5)
    assert [event.event_name for event in backend.events] == [
        "perfkit.budget.violation",
        "perfkit.budget.recovery",
    ]


def test_evidence_is_on_the_event_and_bounded(backend: Any) -> None:
    perfkit.configure(
        perfkit.Catalog(), telemetry=backend.telemetry, sinks=["otel"], spans="always"
    )

    @perfkit.cpu_profiled("load", threshold="0s")
    def load() -> int:
        return sum(len(str(number)) for number in range(10_000))

    load()
    (event,) = backend.events
    text = event.attributes["perfkit.evidence.cpu"]
    assert "load" in text
    assert len(text) <= 1024
    assert backend.spans[0].attributes["perfkit.evidence.cpu"] == text
