"""`perfkit demo` runs the real service and prints its results against its budgets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner

from perfkit.cli import demo
from perfkit.cli.group import command
from perfkit.errors import PerfkitError
from tests.receivers.alertmanager import Alertmanager, find_alertmanager
from tests.receivers.webhook import WebhookReceiver, closed_port
from voice_service.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]

_PERFKIT = "from perfkit.cli.main import run; run()"


@frozen
class DemoRun:
    """The output and the files of a run of the demo."""

    output: str
    folder: Path

    def records_of(self, name: str) -> list[Json]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


def run_demo(folder: Path, *arguments: str, **variables: str) -> DemoRun:
    """Run the command in a process of its own, without the OpenTelemetry settings of this one."""
    inherited = {name: value for name, value in os.environ.items() if name[:5] != "OTEL_"}
    done = subprocess.run(
        [sys.executable, "-c", _PERFKIT, "demo", "--output", str(folder), *arguments],
        cwd=ROOT,
        env={**inherited, "COLUMNS": "80", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return DemoRun(done.stdout, folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    return run_demo(tmp_path_factory.mktemp("plain") / "new" / "folder", "--json")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    folder = tmp_path_factory.mktemp("slow")
    (folder / "violations.jsonl").write_text("of an earlier run\n")
    return run_demo(folder, "--slow", "session_retrieval=310")


def test_each_of_the_13_operations_has_measured_times(plain: DemoRun) -> None:
    rows = json.loads(plain.output)

    assert [row["name"] for row in rows] == list(OPERATIONS)
    for row in rows:
        assert row["calls"] > 0
        assert row["state"] in {"met", "degraded", "violated"}
        assert 0 < row["p50"] <= row["p95"] <= row["worst"]
        assert 0 < row["target"] < row["threshold"]


def test_every_call_has_a_span_and_an_answer_is_one_trace(plain: DemoRun) -> None:
    spans = plain.records_of("spans.jsonl")
    calls = {row["name"]: row["calls"] for row in json.loads(plain.output)}
    answer = next(span for span in spans if span["name"].endswith(".converse"))
    trace = answer["context"]["trace_id"]

    assert {name: sum(span["name"] == name for span in spans) for name in calls} == calls
    assert {span["name"] for span in spans if span["context"]["trace_id"] == trace} > {
        "audio_processing_real_time",
        "speech_to_text_1s_audio",
        "voice_command_processing",
        "data_insertion",
        "text_to_speech_100_chars",
    }


def test_a_delayed_operation_violates_its_budget(slow: DemoRun) -> None:
    violations = slow.records_of("violations.jsonl")
    expected = [v for v in violations if v["budget"] == "session_retrieval"]
    spans = {
        (span["context"]["trace_id"], span["context"]["span_id"]): span
        for span in slow.records_of("spans.jsonl")
    }

    assert expected
    for violation in expected:
        assert (violation["severity"], violation["state"]) == ("critical", "violated")
        span = spans[violation["trace_id"], violation["span_id"]]
        assert span["name"] == "session_retrieval"
        assert span["attributes"]["perfkit.budget.state"] == "violated"


def test_a_violation_is_in_the_log_with_the_same_ids(slow: DemoRun) -> None:
    log = (slow.folder / "service.log").read_text()

    for violation in slow.records_of("violations.jsonl"):
        ids = f"trace_id={violation['trace_id']} span_id={violation['span_id']}"
        assert re.search(rf"{violation['severity'].upper()} .*{violation['budget']}.* {ids}", log)


def test_the_table_fits_80_columns(slow: DemoRun) -> None:
    """Only the paths at the end may be longer."""
    table, _, _ = slow.output.partition("\nspans ")

    assert max(map(len, table.splitlines())) <= 80
    assert re.search(r"session_retrieval +100 +300 +(\d+) .* violated \1\s", table)
    assert all(f"\n{name} " in table for name in OPERATIONS)


def test_the_summary_has_the_violations_and_the_files(slow: DemoRun) -> None:
    assert re.search(r"\d+ x critical session_retrieval: duration was \d", slow.output)
    assert re.search(r"Recognised \d+ of \d+ spoken words correctly", slow.output)
    for name in ("spans.jsonl", "violations.jsonl", "service.log"):
        assert str(slow.folder / name) in slow.output


def test_an_otlp_receiver_receives_the_violations_with_their_spans(
    otlp_receiver: Any, tmp_path: Path
) -> None:
    otlp_receiver.clear()
    run = run_demo(
        tmp_path,
        *("--slow", "voice_session_creation=1010"),
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.url,
    )

    spans = {(span["trace_id"], span["span_id"]): span for span in otlp_receiver.spans()}
    events = [e for e in otlp_receiver.log_records() if e["severity_text"] == "critical"]
    critical = [v for v in run.records_of("violations.jsonl") if v["severity"] == "critical"]
    assert critical
    ids = {(violation["trace_id"], violation["span_id"]) for violation in critical}
    assert {(event["trace_id"], event["span_id"]) for event in events} == ids
    for violation in critical:  # on a slow machine other budgets may be violated too
        pair = violation["trace_id"], violation["span_id"]
        assert spans[pair]["name"] == violation["budget"]
    assert "voice_session_creation" in {violation["budget"] for violation in critical}
    assert {span["resource"]["service.name"] for span in spans.values()} == {"voice-service"}


def error_of(*arguments: str) -> str:
    """Run the demo with wrong arguments; return its error, which is one line."""
    result = CliRunner().invoke(command, ["demo", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_the_error_for_an_unknown_operation_suggests_the_nearest_name() -> None:
    assert "did you mean session_retrieval?" in error_of("--slow", "session_retreival=400")


def test_all_names_are_listed_if_none_is_near() -> None:
    assert all(name in error_of("--slow", "x=1") for name in OPERATIONS)


@pytest.mark.parametrize("written", ["fast", "", "-1", "nan", "inf", "60001", "1s"])
def test_a_delay_that_is_not_a_time_is_an_error(written: str) -> None:
    message = error_of("--slow", f"cache_hit={written}")

    assert repr(written) in message
    assert "cache_hit=400" in message


def test_a_delay_without_a_time_is_an_error() -> None:
    assert "cache_hit=400" in error_of("--slow", "cache_hit")


def test_delays_are_read_as_milliseconds_and_the_last_one_counts() -> None:
    delays = demo.read_delays(["cache_hit=1.5", "cache_miss=2", "cache_hit=20"], OPERATIONS)

    assert delays == {"cache_hit": 0.02, "cache_miss": 0.002}


def test_an_output_that_is_not_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "name a folder" in error_of("--output", str(tmp_path / "file"))


def test_the_example_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "examples/voice_service").mkdir(parents=True)
    (tmp_path / "examples/voice_service/demo.py").write_text("")
    (tmp_path / "src/deep").mkdir(parents=True)

    assert demo.find_example([tmp_path / "src/deep", ROOT]) == tmp_path / "examples"


def test_the_error_for_a_missing_example_contains_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(PerfkitError, match="run it in a checkout"):
        demo.find_example([tmp_path])


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Callable[[str], None] = {"numpy": True}.get
    monkeypatch.setattr(demo, "find_spec", absent)

    message = error_of()

    assert "pocketsphinx and espeakng-loader and sqlalchemy and cachetools" in message
    assert "make demo" in message
    assert "numpy" not in message


@pytest.mark.skipif(find_alertmanager() is None, reason="needs prometheus-alertmanager")
def test_a_violation_fires_in_alertmanager_and_is_resolved(tmp_path: Path) -> None:
    with (
        WebhookReceiver() as receiver,
        Alertmanager(tmp_path / "am", notify=receiver.url) as manager,
    ):
        run = run_demo(
            tmp_path / "out", "--slow", "session_retrieval=310", "--alertmanager", manager.url
        )
        manager.wait_for(lambda _: _statuses(receiver)[-1:] == ["resolved"])
        assert manager.alerts(service="voice-service", budget="session_retrieval") == []
    assert _statuses(receiver)[0] == "firing"
    first = _notifications(receiver, "session_retrieval")[0]
    assert first["commonLabels"]["severity"] == "critical"
    output = " ".join(run.output.split())
    assert "fired: critical session_retrieval: duration was" in output
    assert "without the slow-down:" in output


def _statuses(receiver: WebhookReceiver) -> list[str]:
    """Return the statuses in order; on a slow machine the alert may be resolved and fire again."""
    return [each["status"] for each in _notifications(receiver, "session_retrieval")]


def _notifications(receiver: WebhookReceiver, budget: str) -> list[Json]:
    """Return the notifications for one budget; a busy machine may violate others too."""
    notifications = [json.loads(request.body) for request in receiver.requests]
    return [each for each in notifications if each["commonLabels"]["budget"] == budget]


def test_an_unreachable_alertmanager_is_reported_in_one_line(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    run = run_demo(tmp_path, "--alertmanager", url)
    assert f"Alertmanager at {url} cannot be reached" in run.output.replace("\n", " ")
