"""What a real OTLP receiver gets over HTTP from an instrumented application."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

_APPLICATION = """
import sys
import perfkit
from perfkit.testing import FakeClock

clock = FakeClock()
perfkit.configure(sys.argv[1], telemetry="otlp", clock=clock, sinks=["log", "otel", "file"])

@perfkit.timed("session_retrieval")
def retrieve(seconds):
    with perfkit.budget("cache_miss"):
        clock.advance(seconds)

for seconds in (0.05, 0.1, 0.25, 0.4):
    retrieve(seconds)
"""

_CATALOG = """
[budgets.session_retrieval]
category = "database"
critical = true
duration = {{ target = "100ms", threshold = "300ms" }}

[budgets.cache_miss]
category = "cache"
duration = {{ target = "50ms", threshold = "200ms" }}

[sinks.file]
type = "jsonl"
path = '{folder}/violations.jsonl'
"""


@pytest.fixture(scope="module")
def shipped(otlp_receiver: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the application once; return what arrived, and what it wrote and logged itself."""
    folder = tmp_path_factory.mktemp("shipping")
    catalog = folder / "perfkit.toml"
    catalog.write_text(_CATALOG.format(folder=folder))
    otlp_receiver.clear()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _APPLICATION, str(catalog)],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_receiver.url,
            "OTEL_SERVICE_NAME": "voice",
        },
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {
        "spans": otlp_receiver.spans(),
        "points": otlp_receiver.metrics(),
        "records": otlp_receiver.log_records(),
        "lines": [
            json.loads(line) for line in Path(folder / "violations.jsonl").read_text().splitlines()
        ],
        "log": done.stderr,
    }


def test_every_call_arrives_as_a_span_under_its_parent(shipped: dict[str, Any]) -> None:
    parents = {s["span_id"]: s for s in shipped["spans"] if s["name"] == "session_retrieval"}
    children = [span for span in shipped["spans"] if span["name"] == "cache_miss"]
    assert (len(parents), len(children)) == (4, 4)
    assert {child["parent_span_id"] for child in children} == set(parents)
    for child in children:
        assert child["trace_id"] == parents[child["parent_span_id"]]["trace_id"]


def test_spans_and_points_carry_the_budget(shipped: dict[str, Any]) -> None:
    spans = [span for span in shipped["spans"] if span["name"] == "session_retrieval"]
    states = Counter(span["attributes"]["perfkit.budget.state"] for span in spans)
    assert states == {"met": 2, "degraded": 1, "violated": 1}
    assert spans[0]["resource"]["service.name"] == "voice"
    assert {span["end_ns"] - span["start_ns"] for span in spans} == {
        milliseconds * 1_000_000 for milliseconds in (50, 100, 250, 400)
    }
    (point,) = (
        each
        for each in shipped["points"]
        if each["name"] == "perfkit.call.duration"
        and each["attributes"]["perfkit.budget.name"] == "session_retrieval"
    )
    assert (point["unit"], point["count"], point["sum"]) == ("s", 4, pytest.approx(0.8))
    assert {0.05, 0.1, 0.2, 0.3} <= set(point["explicit_bounds"])


def test_one_violation_is_the_same_in_log_file_and_backend(shipped: dict[str, Any]) -> None:
    (line,) = [each for each in shipped["lines"] if each["budget"] == "session_retrieval"]
    (record,) = [
        each
        for each in shipped["records"]
        if each["attributes"]["perfkit.budget.name"] == "session_retrieval"
    ]
    (span,) = [
        each
        for each in shipped["spans"]
        if each["name"] == "session_retrieval"
        and each["attributes"]["perfkit.budget.state"] == "violated"
    ]
    assert line["severity"] == "critical"
    assert line["value"] == pytest.approx(0.4)
    assert (line["trace_id"], line["span_id"]) == (span["trace_id"], span["span_id"])
    assert (record["trace_id"], record["span_id"]) == (span["trace_id"], span["span_id"])
    assert record["event_name"] == "perfkit.budget.violation"
    assert "critical session_retrieval: duration was 400 ms" in shipped["log"]
    assert f"trace_id={span['trace_id']} span_id={span['span_id']}" in shipped["log"]
