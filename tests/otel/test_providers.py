"""perfkit reports to the providers that the application sets, whenever it sets them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from perfkit import Budget, ConfigurationError, MissingExtraError
from perfkit.model import CodeLocation
from perfkit.otel import setup
from perfkit.otel.reporting import Reporting


def _run(code: str, **environment: str) -> str:
    """Run `code` in a new interpreter, where global providers can be set once more."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_IN_MEMORY = """
import perfkit
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()

def set_tracer():
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

def set_meter():
    metrics.set_meter_provider(MeterProvider([reader]))

@perfkit.timed
def load():
    return 1
"""


def test_a_provider_set_after_the_first_call_is_noticed_at_the_next() -> None:
    code = """
load()
set_tracer()
load()
set_meter()
load()
load()
count = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0]
print(len(exporter.get_finished_spans()), count.data.data_points[0].count)
"""
    assert _run(_IN_MEMORY + code).split() == ["3", "2"]


def test_a_busy_service_notices_a_provider_within_64_calls() -> None:
    code = """
for _ in range(1000):
    load()
set_tracer()
for _ in range(64 + 1000):
    load()
print(1000 <= len(exporter.get_finished_spans()))
"""
    assert _run(_IN_MEMORY + code).split() == ["True"]


def test_a_provider_that_one_place_notices_is_there_for_every_other() -> None:
    code = """
@perfkit.timed
def other():
    return 1

def evaluate_windows():
    perfkit.evaluate_windows()

for notice in (other, evaluate_windows):
    for _ in range(1000):
        load()
    exec({other: "set_tracer()", evaluate_windows: "set_meter()"}[notice])
    notice()
    notice()
    load()
count = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0]
names = [span.name for span in exporter.get_finished_spans()]
points = {p.attributes["perfkit.budget.name"]: p.count for p in count.data.data_points}
print(names.count("__main__.load") > 0, points)
"""
    assert _run(_IN_MEMORY + code).split(maxsplit=1) == ["True", "{'__main__.load': 1}\n"]


def test_a_place_that_is_called_once_a_second_looks_at_each_call() -> None:
    code = """
from perfkit.runtime import callsite
from time import perf_counter_ns
passed = 0
callsite.perf_counter_ns = lambda: perf_counter_ns() + passed
for _ in range(1000):
    load()
for _ in range(2 * 64):
    passed += 10**9
    load()
set_tracer()
for _ in range(3):
    load()
print(len(exporter.get_finished_spans()))
"""
    assert _run(_IN_MEMORY + code).split() == ["2"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_provider_set_after_a_fork_is_noticed_at_the_childs_next_call() -> None:
    code = """
import os
for _ in range(1000):
    load()
if os.fork() == 0:
    set_tracer()
    load()
    print(len(exporter.get_finished_spans()), flush=True)
    os._exit(0)
os.wait()
"""
    assert _run(_IN_MEMORY + code).split() == ["1"]


def test_with_the_apis_own_variables_gone_the_getters_serve() -> None:
    code = """
import perfkit.otel.reporting as reporting
load()
before = reporting.global_revision()
kept, trace._TRACER_PROVIDER = trace._TRACER_PROVIDER, None
del trace._TRACER_PROVIDER
trace.get_tracer_provider = lambda: provider
provider = TracerProvider()
print(before, reporting.global_revision())
"""
    assert _run(_IN_MEMORY + code).split() == ["0", "1"]


def test_with_no_provider_nothing_of_the_sdk_is_loaded() -> None:
    code = """
import sys, perfkit
@perfkit.timed(threshold="0s")
def load():
    return 1
load()
print([name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""
    assert _run(code).strip() == "[]"


_OTLP = """
import perfkit
from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider
perfkit.configure(perfkit.Catalog(), telemetry="otlp")
for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), get_logger_provider()):
    print(type(provider).__module__, type(provider).__name__)
"""


def test_otlp_sets_the_sdk_up_globally() -> None:
    nowhere = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    names = [line.split()[1] for line in _run(_OTLP, **nowhere).splitlines()]
    assert names == ["TracerProvider", "MeterProvider", "LoggerProvider"]


def test_otlp_leaves_the_applications_provider_in_place() -> None:
    nowhere = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    code = """
set_tracer()
mine = trace.get_tracer_provider()
perfkit.configure(perfkit.Catalog(), telemetry="otlp", unknown_budgets="ignore")
load()
print(trace.get_tracer_provider() is mine, len(exporter.get_finished_spans()))
"""
    assert _run(_IN_MEMORY + code, **nowhere).split() == ["True", "1"]


def test_the_console_exporter_can_be_asked_for() -> None:
    chosen = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    code = """
import perfkit
perfkit.configure(perfkit.Catalog(), telemetry="otlp", unknown_budgets="ignore")
with perfkit.budget("load"):
    pass
"""
    assert '"name": "load"' in _run(code, **chosen)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OTEL_TRACES_EXPORTER", "pigeon", "OTEL_TRACES_EXPORTER is 'pigeon'; write otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke", "write http/protobuf or grpc"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "smoke", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL is"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "opentelemetry-exporter-otlp-proto-grpc"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=message):
        setup.set_up_from_environment()


def test_a_missing_exporter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'perfkit\[otlp\]'"):
        setup.set_up_from_environment()


def test_providers_given_are_settled_and_unmoved(backend: Any) -> None:
    reporting = Reporting(backend.telemetry)
    assert reporting.is_settled()
    always, never = (Budget(name="load", spans=spans) for spans in ("always", "never"))
    here = CodeLocation(function="load")
    found = [
        reporting.reporting_for(budget, here, is_duration_only=True) for budget in (always, never)
    ]
    assert [each.tracing is None for each in found] == [False, True]
    assert all(each.recorder for each in found)
