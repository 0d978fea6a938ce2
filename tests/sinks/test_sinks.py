"""What each ending does with a violation."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from perfkit import BudgetExceeded, Severity, State, Violation
from perfkit.catalog import parse_limits
from perfkit.model import Budget, Evidence, Metric, Route, Where
from perfkit.sinks import CallbackSink, JsonLinesSink, LogSink, RaiseSink, Router, as_record


def _violation(**changes: Any) -> Violation:
    budget = changes.pop("budget", Budget(name="load", category="database", critical=True))
    given: dict[str, Any] = {
        "budget": budget,
        "limit": parse_limits(Metric.DURATION, ("100ms", "300ms"))[0],
        "value": 0.412,
        "state": State.VIOLATED,
        "severity": Severity.CRITICAL,
        "where": Where(function="app.load", file="app.py", line=7),
        "at_ns": 1_700_000_000_000_000_000,
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
    }
    return Violation(**{**given, **changes})


def test_the_log_line_says_which_promise_by_how_much_and_where(
    caplog: pytest.LogCaptureFixture,
) -> None:
    LogSink().emit(_violation())
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert record.getMessage() == (
        "critical load: duration was 412 ms, threshold is at most 300 ms (1.37 x), in app.load "
        f"(app.py:7) trace_id={'0' * 31}1 span_id={'0' * 15}2"
    )
    assert record.perfkit["value"] == 0.412  # type: ignore[attr-defined]  # put there by extra=


def test_the_log_level_follows_the_severity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for severity in Severity:
        LogSink().emit(_violation(severity=severity, trace_id="", span_id=""))
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "CRITICAL"]


def test_a_line_of_text_stays_one_line_whatever_the_names_are() -> None:
    """Names come from files and code; a newline or an escape sequence must not forge a log line."""
    hostile = Budget(name="load\nCRITICAL forged \x1b[31m")
    text = _violation(budget=hostile).describe()
    assert text.isprintable()
    assert "\\n" in text


def test_a_description_tells_of_contention_suppression_and_evidence() -> None:
    text = _violation(
        contended=True, suppressed=3, evidence=(Evidence(kind="cpu", summary="9 ms in f"),)
    ).describe()
    assert text.endswith(", contended, 3 like it held back, 9 ms in f")


def test_json_lines_are_whole_and_say_everything(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "violations.jsonl"
    sink = JsonLinesSink(path)
    sink.emit(_violation(evidence=(Evidence(kind="cpu", rows=({"function": "f"},)),)))
    sink.emit(_violation())
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first == {
        "time": "2023-11-14T22:13:20+00:00",
        "severity": "critical",
        "state": "violated",
        "budget": "load",
        "category": "database",
        "critical": True,
        "metric": "duration",
        "statistic": "each",
        "value": 0.412,
        "unit": "s",
        "target": 0.1,
        "threshold": 0.3,
        "direction": "at_most",
        "function": "app.load",
        "file": "app.py",
        "line": 7,
        "outcome": "ok",
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
        "contended": False,
        "suppressed": 0,
        "samples": 1,
        "recovery": False,
        "since": "",
        "evidence": [
            {
                "kind": "cpu",
                "summary": "",
                "rows": [{"function": "f"}],
                "note": "",
                "since_armed": None,
            }
        ],
    }
    assert second == {**first, "evidence": []}


def test_json_lines_from_many_threads_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "violations.jsonl"
    sink = JsonLinesSink(path)

    def emit() -> None:
        for _ in range(50):
            sink.emit(_violation())

    threads = [threading.Thread(target=emit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [json.loads(line)["budget"] for line in path.read_text().splitlines()] == ["load"] * 400


def test_json_lines_survive_text_that_is_no_unicode(tmp_path: Path) -> None:
    path = tmp_path / "violations.jsonl"
    JsonLinesSink(path).emit(_violation(budget=Budget(name="lo\udcffad")))
    assert json.loads(path.read_text())["budget"] == "lo\udcffad"


def test_raise_raises_for_a_broken_threshold_only() -> None:
    with pytest.raises(BudgetExceeded) as caught:
        RaiseSink().emit(_violation())
    assert caught.value.violations[0].value == 0.412
    RaiseSink().emit(_violation(state=State.DEGRADED, severity=Severity.INFO))


def test_raise_spares_a_contended_value_unless_asked() -> None:
    RaiseSink().emit(_violation(contended=True))
    with pytest.raises(BudgetExceeded):
        RaiseSink(contended=True).emit(_violation(contended=True))


def test_a_callback_gets_the_violation() -> None:
    heard: list[Violation] = []
    CallbackSink(heard.append).emit(_violation())
    assert heard[0].budget.name == "load"


def _router(**parts: Any) -> tuple[Router, dict[str, CallbackSink]]:
    sinks = {name: CallbackSink(print) for name in ("default", "own", "route")}
    return Router(by_name=sinks, default=(sinks["default"],), **parts), sinks


def test_the_budgets_choice_beats_a_route_and_that_beats_the_default() -> None:
    router, sinks = _router(routes=(Route(sinks=("route",), category="database"),))
    own = Budget(name="load", category="database", sinks=("own",))
    assert list(router.sinks_for(_violation(budget=own))) == [sinks["own"]]
    assert list(router.sinks_for(_violation())) == [sinks["route"]]
    assert list(router.sinks_for(_violation(budget=Budget(name="x")))) == [sinks["default"]]


@pytest.mark.parametrize(
    ("route", "is_taken"),
    [
        (Route(sinks=("route",)), True),
        (Route(sinks=("route",), budget="lo*"), True),
        (Route(sinks=("route",), budget="x*"), False),
        (Route(sinks=("route",), category="cache"), False),
        (Route(sinks=("route",), severity=Severity.CRITICAL), True),
    ],
)
def test_a_route_matches_on_every_condition_given(route: Route, is_taken: bool) -> None:  # noqa: FBT001 - a pytest parameter
    router, sinks = _router(routes=(route,))
    taken = list(router.sinks_for(_violation())) == [sinks["route"]]
    assert taken is is_taken


def test_a_missed_target_is_news_only_to_a_route_that_names_info() -> None:
    missed = _violation(state=State.DEGRADED, severity=Severity.INFO)
    silent, _ = _router(routes=(Route(sinks=("route",)),))
    listening, sinks = _router(routes=(Route(sinks=("route",), severity=Severity.INFO),))
    assert list(silent.sinks_for(missed)) == []
    assert not silent.hears_of_missed_targets
    assert list(listening.sinks_for(missed)) == [sinks["route"]]
    assert listening.hears_of_missed_targets


def test_a_record_is_plain_data() -> None:
    assert json.loads(json.dumps(as_record(_violation()))) == as_record(_violation())
