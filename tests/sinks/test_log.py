"""Violations in the log: as text, as JSON, and through structlog."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from perfkit import Severity
from perfkit.errors import ConfigurationError
from perfkit.model import Budget, CodeLocation, Evidence
from perfkit.sinks import LogSink, as_record
from tests.sinks.violations import make_violation

ROOT = Path(__file__).parents[2]
HOSTILE = "load\nCRITICAL forged \x1b[31m\u2028\x85"
DRIVES_A_TERMINAL = "pay\x1b[31mRED\x1b]0;pwn\x07\u2028b\u202e"


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


# -- text


def test_the_log_line_says_which_promise_by_how_much_and_where(
    caplog: pytest.LogCaptureFixture,
) -> None:
    LogSink().emit(make_violation())
    (record,) = caplog.records
    assert record.name == "perfkit.violations"
    assert record.levelno == logging.CRITICAL
    assert record.getMessage() == (
        "critical load: duration was 412 ms, threshold is at most 300 ms (1.37 x), in app.load "
        f"(app.py:7) trace_id={'0' * 31}1 span_id={'0' * 15}2"
    )
    assert record.perfkit["value"] == 0.412  # type: ignore[attr-defined]  # put there by extra=


@pytest.mark.parametrize("form", ["text", "structlog"])
def test_the_log_level_follows_the_severity(caplog: pytest.LogCaptureFixture, form: str) -> None:
    caplog.set_level(logging.INFO)
    sink = LogSink(form=form)
    with capture_logs() as events:
        for severity in Severity:
            sink.emit(make_violation(severity=severity))
        sink.emit(make_violation(is_recovery=True))
    levels = [record.levelname.lower() for record in caplog.records]
    levels += [event["log_level"] for event in events]
    assert levels == ["info", "warning", "critical", "info"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_stays_one_line_whatever_the_names_are(
    caplog: pytest.LogCaptureFixture, form: str
) -> None:
    """Names come from files and code, ids from requests: none may forge a line."""
    LogSink(form=form).emit(
        make_violation(
            budget=Budget(name=HOSTILE),
            where=CodeLocation(function=HOSTILE, file=HOSTILE),
            trace_id=f"1{HOSTILE}",
            span_id="2 severity=info",
        )
    )
    (line,) = caplog.records[0].getMessage().splitlines()
    assert line.isprintable()
    assert "\\n" in line
    assert " severity=info " not in line


def test_the_logger_can_be_chosen_and_no_span_is_named_without_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = LogSink("app.budgets", form="text")
    sink.emit(make_violation(trace_id="", span_id=""))
    (record,) = caplog.records
    assert record.name == "app.budgets"
    assert record.getMessage().endswith("(app.py:7)")
    assert sink.destination == "log app.budgets"


# -- JSON


def test_the_json_form_is_the_record_with_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    evidence = Evidence(kind="cpu", summary="9 ms in f")
    violation = make_violation(evidence=(evidence,), value=float("inf"))
    LogSink(form="json").emit(violation)
    assert json.loads(caplog.records[0].getMessage()) == {
        **as_record(violation),
        "value": "Infinity",
        "message": violation.describe(),
    }


# -- structlog


def test_structlog_gets_an_event_with_the_record() -> None:
    violation = make_violation(evidence=(Evidence(kind="cpu", summary="9 ms in f"),))
    with capture_logs() as events:
        LogSink(form="structlog").emit(violation)
    record = as_record(violation)
    del record["evidence"]
    assert events == [{"event": violation.describe(), "log_level": "critical", **record}]


@pytest.mark.parametrize(
    "renderer",
    [
        structlog.dev.ConsoleRenderer(colors=False),
        structlog.processors.LogfmtRenderer(),
        structlog.processors.KeyValueRenderer(repr_native_str=False),
    ],
    ids=["console", "logfmt", "key=value"],
)
def test_no_name_drives_a_terminal_through_structlog(renderer: Any) -> None:
    """Renderers for people write texts as they are."""
    output = io.StringIO()
    structlog.configure(processors=[renderer], logger_factory=structlog.PrintLoggerFactory(output))
    name = DRIVES_A_TERMINAL
    LogSink(form="structlog").emit(
        make_violation(
            budget=Budget(name=name, category=name),
            where=CodeLocation(function=name, file=name),
            environment=name,
            trace_id=name,
            span_id=name,
        )
    )
    (line,) = output.getvalue().rstrip("\n").split("\n")
    assert line.isprintable()
    assert "\\x1b[31mRED" in line


def _configure(output: io.StringIO, **options: Any) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
        **options,
    )


def test_auto_follows_when_the_application_configures_structlog_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = LogSink()
    sink.emit(make_violation())
    assert len(caplog.records) == 1
    _configure(output := io.StringIO())
    structlog.contextvars.bind_contextvars(request_id="r-17")
    sink.emit(make_violation())
    assert len(caplog.records) == 1
    event = json.loads(output.getvalue())
    assert (event["request_id"], event["budget"], event["level"]) == ("r-17", "load", "critical")


def test_a_form_that_was_chosen_is_kept_where_structlog_is_configured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _configure(output := io.StringIO())
    LogSink(form="text").emit(make_violation())
    assert len(caplog.records) == 1
    assert not output.getvalue()


def test_structlog_can_lead_to_the_standard_library(caplog: pytest.LogCaptureFixture) -> None:
    structlog.configure(
        processors=[structlog.stdlib.add_logger_name, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    LogSink().emit(make_violation())
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("perfkit.violations", "CRITICAL")
    assert record.budget == "load"  # type: ignore[attr-defined]  # put there by structlog


@pytest.mark.parametrize(
    "wrapper",
    [structlog.stdlib.AsyncBoundLogger, structlog.BoundLogger, structlog.stdlib.BoundLogger],
)
def test_any_kind_of_logger_of_structlog_will_do(wrapper: type) -> None:
    """One that is asynchronous is used as a synchronous one: nobody awaits here."""
    output = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(output),
        wrapper_class=wrapper,
    )

    async def emit() -> None:
        LogSink().emit(make_violation())

    asyncio.run(emit())
    assert json.loads(output.getvalue())["budget"] == "load"


# -- choices


def test_a_form_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'xml'; it can be auto, text, json, structlog"):
        LogSink(form="xml")


@pytest.mark.parametrize("logger", [5, None, logging.getLogger("app")])
def test_a_logger_is_chosen_by_its_name(logger: Any) -> None:
    with pytest.raises(ConfigurationError, match="write its name"):
        LogSink(logger)


def test_structlog_that_is_not_installed_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "structlog", None)
    with pytest.raises(ConfigurationError, match="pip install structlog"):
        LogSink(form="structlog")


def test_auto_loads_no_structlog() -> None:
    code = (
        "import sys; from perfkit.sinks import LogSink; "
        "from tests.sinks.violations import make_violation; "
        "LogSink().emit(make_violation()); sys.exit('structlog' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
