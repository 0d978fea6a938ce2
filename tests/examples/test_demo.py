"""`perfkit demo` runs the real service and shows how it keeps its promises."""

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
class Shown:
    """What a run of the demo printed and left behind."""

    output: str
    folder: Path

    def thresholds_of(self, name: str) -> list[Json]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]


def run_demo(folder: Path, *arguments: str, **variables: str) -> Shown:
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
    return Shown(done.stdout, folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return run_demo(tmp_path_factory.mktemp("plain") / "new" / "folder", "--json")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("slow")
    (folder / "violations.jsonl").write_text("left by an earlier run\n")
    return run_demo(folder, "--slow", "session_retrieval=310")


def test_each_of_the_13_operations_has_measured_figures(plain: Shown) -> None:
    rows = json.loads(plain.output)

    assert [row["name"] for row in rows] == list(OPERATIONS)
    for row in rows:
        assert row["calls"] > 0
        assert row["state"] in {"met", "degraded", "violated"}
        assert 0 < row["p50"] <= row["p95"] <= row["worst"]
        assert 0 < row["target"] < row["threshold"]


def test_every_call_has_a_span_and_an_answer_is_one_trace(plain: Shown) -> None:
    spans = plain.thresholds_of("spans.jsonl")
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


def test_what_was_slowed_on_purpose_breaks_its_budget(slow: Shown) -> None:
    violations = slow.thresholds_of("violations.jsonl")
    broken = [v for v in violations if v["budget"] == "session_retrieval"]
    spans = {
        (span["context"]["trace_id"], span["context"]["span_id"]): span
        for span in slow.thresholds_of("spans.jsonl")
    }

    assert broken
    for violation in broken:
        assert (violation["severity"], violation["state"]) == ("critical", "violated")
        span = spans[violation["trace_id"], violation["span_id"]]
        assert span["name"] == "session_retrieval"
        assert span["attributes"]["perfkit.budget.state"] == "violated"


def test_a_violation_is_in_the_log_with_the_same_ids(slow: Shown) -> None:
    log = (slow.folder / "service.log").read_text()

    for violation in slow.thresholds_of("violations.jsonl"):
        ids = f"trace_id={violation['trace_id']} span_id={violation['span_id']}"
        assert re.search(rf"{violation['severity'].upper()} .*{violation['budget']}.* {ids}", log)


def test_the_table_fits_80_columns(slow: Shown) -> None:
    """Only the paths at the end may be longer."""
    table, _, _ = slow.output.partition("\nspans ")

    assert max(map(len, table.splitlines())) <= 80
    assert re.search(r"session_retrieval +100 +300 +(\d+) .* violated \1\s", table)
    assert all(f"\n{name} " in table for name in OPERATIONS)


def test_the_end_says_what_broke_and_where_the_records_are(slow: Shown) -> None:
    assert re.search(r"\d+ x critical session_retrieval: duration was \d", slow.output)
    assert re.search(r"Heard \d+ of \d+ spoken words correctly", slow.output)
    for name in ("spans.jsonl", "violations.jsonl", "service.log"):
        assert str(slow.folder / name) in slow.output


def test_an_otlp_receiver_gets_the_violations_with_their_spans(
    otlp_receiver: Any, tmp_path: Path
) -> None:
    otlp_receiver.clear()
    shown = run_demo(
        tmp_path,
        *("--slow", "voice_session_creation=1010"),
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.url,
    )

    spans = {(span["trace_id"], span["span_id"]): span for span in otlp_receiver.spans()}
    events = [e for e in otlp_receiver.log_records() if e["severity_text"] == "critical"]
    broken = [v for v in shown.thresholds_of("violations.jsonl") if v["severity"] == "critical"]
    assert broken
    ids = {(violation["trace_id"], violation["span_id"]) for violation in broken}
    assert {(event["trace_id"], event["span_id"]) for event in events} == ids
    for violation in broken:  # on a slow machine others may break theirs too
        pair = violation["trace_id"], violation["span_id"]
        assert spans[pair]["name"] == violation["budget"]
    assert "voice_session_creation" in {violation["budget"] for violation in broken}
    assert {span["resource"]["service.name"] for span in spans.values()} == {"voice-service"}


def refuse(*arguments: str) -> str:
    """Run the demo with something wrong; return the one line that it says."""
    result = CliRunner().invoke(command, ["demo", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_an_unknown_operation_is_answered_with_the_nearest_name() -> None:
    said = refuse("--slow", "session_retreival=400")

    assert "did you mean session_retrieval?" in said


def test_where_no_name_is_near_all_are_listed() -> None:
    assert all(name in refuse("--slow", "x=1") for name in OPERATIONS)


@pytest.mark.parametrize("written", ["fast", "", "-1", "nan", "inf", "60001", "1s"])
def test_a_delay_that_is_no_time_is_refused(written: str) -> None:
    said = refuse("--slow", f"cache_hit={written}")

    assert repr(written) in said
    assert "cache_hit=400" in said


def test_a_delay_without_a_time_is_refused() -> None:
    assert "cache_hit=400" in refuse("--slow", "cache_hit")


def test_delays_are_read_as_milliseconds_and_the_last_one_counts() -> None:
    delays = demo.read_delays(["cache_hit=1.5", "cache_miss=2", "cache_hit=20"], OPERATIONS)

    assert delays == {"cache_hit": 0.02, "cache_miss": 0.002}


def test_an_output_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "name a folder" in refuse("--output", str(tmp_path / "file"))


def test_the_example_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "examples/voice_service").mkdir(parents=True)
    (tmp_path / "examples/voice_service/demo.py").write_text("")
    (tmp_path / "src/deep").mkdir(parents=True)

    assert demo.find_example([tmp_path / "src/deep", ROOT]) == tmp_path / "examples"


def test_where_the_example_is_nowhere_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PerfkitError, match="run it in a checkout"):
        demo.find_example([tmp_path])


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Callable[[str], None] = {"numpy": True}.get
    monkeypatch.setattr(demo, "find_spec", absent)

    said = refuse()

    assert "pocketsphinx and espeakng-loader and sqlalchemy and cachetools" in said
    assert "make demo" in said
    assert "numpy" not in said


@pytest.mark.skipif(find_alertmanager() is None, reason="needs prometheus-alertmanager")
def test_a_violation_fires_in_alertmanager_and_recovers_there(tmp_path: Path) -> None:
    with WebhookReceiver() as people, Alertmanager(tmp_path / "am", notify=people.url) as manager:
        shown = run_demo(
            tmp_path / "out", "--slow", "session_retrieval=310", "--alertmanager", manager.url
        )
        manager.wait_for(lambda _: _statuses(people)[-1:] == ["resolved"])
        assert manager.alerts(service="voice-service", budget="session_retrieval") == []
    assert _statuses(people)[0] == "firing"
    assert _told(people, "session_retrieval")[0]["commonLabels"]["severity"] == "critical"
    output = " ".join(shown.output.split())
    assert "fired: critical session_retrieval: duration was" in output
    assert "after that was mended:" in output


def _statuses(people: WebhookReceiver) -> list[str]:
    """Return what people were told in turn; on a slow machine it may end and begin again."""
    return [each["status"] for each in _told(people, "session_retrieval")]


def _told(people: WebhookReceiver, budget: str) -> list[Json]:
    """Return what people were told of one budget; a busy machine may break others too."""
    told = [json.loads(request.body) for request in people.requests]
    return [each for each in told if each["commonLabels"]["budget"] == budget]


def test_an_alertmanager_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    shown = run_demo(tmp_path, "--alertmanager", url)
    assert f"Alertmanager at {url} cannot be asked" in shown.output.replace("\n", " ")
