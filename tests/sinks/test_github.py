"""Annotations in GitHub Actions."""

from __future__ import annotations

import io
from typing import Any

import pytest

from perfkit import Severity
from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Budget, CodeLocation
from perfkit.sinks.builtin.github import GitHubSink
from tests.sinks.violations import make_violation


@pytest.fixture(autouse=True)
def _in_github_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", "/github/workspace")


def _written(**changes: object) -> str:
    stream = io.StringIO()
    GitHubSink(stream).emit(make_violation(**changes))
    start, line, end = stream.getvalue().split("\n")
    assert (start, end) == ("", "")
    return line


def test_a_violation_is_an_annotation_at_its_line() -> None:
    where = CodeLocation(function="app.load", file="/github/workspace/src/app.py", line=7)
    assert _written(where=where) == (
        "::error file=src/app.py,line=7,title=perfkit budget load::critical load: duration was "
        "412 ms, threshold is at most 300 ms (1.37 x), in app.load "
        "(/github/workspace/src/app.py:7)"
    )


@pytest.mark.parametrize(
    ("severity", "is_recovery", "command"),
    [
        (Severity.CRITICAL, False, "error"),
        (Severity.WARNING, False, "warning"),
        (Severity.INFO, False, "notice"),
        (Severity.CRITICAL, True, "notice"),
    ],
)
def test_the_kind_follows_the_severity(
    severity: Severity,
    is_recovery: bool,  # noqa: FBT001 - a pytest parameter
    command: str,
) -> None:
    line = _written(severity=severity, is_recovery=is_recovery)
    assert line.startswith(f"::{command} ")


@pytest.mark.parametrize(
    ("where", "properties"),
    [
        (CodeLocation(function="f"), "title="),
        (CodeLocation(function="f", file="app.py"), "file=app.py,title="),
        (
            CodeLocation(function="f", file="/usr/lib/x.py", line=3),
            "file=/usr/lib/x.py,line=3,title=",
        ),
    ],
)
def test_what_is_not_known_is_left_out(where: CodeLocation, properties: str) -> None:
    assert _written(where=where).startswith(f"::error {properties}")


def test_no_name_can_forge_a_command() -> None:
    hostile = "a,line=1::b%\r\n::error::forged"
    line = _written(budget=Budget(name=hostile), where=CodeLocation(function="f", file=hostile))
    properties, message = line.removeprefix("::error ").split("::", 1)
    assert properties == (
        "file=a%2Cline=1%3A%3Ab%25\\r\\n%3A%3Aerror%3A%3Aforged,"
        "title=perfkit budget a%2Cline=1%3A%3Ab%25\\r\\n%3A%3Aerror%3A%3Aforged"
    )
    assert "b%25\\r\\n" in message


def test_of_a_very_long_name_the_beginning_and_the_end_are_said() -> None:
    name = f"first{'x' * 1_000_000}last"
    line = _written(budget=Budget(name=name))
    assert len(line) < 2_000
    assert "title=perfkit budget firstx" in line
    assert "xlast::" in line


def test_it_writes_to_what_standard_output_is_then(capsys: pytest.CaptureFixture[str]) -> None:
    GitHubSink().emit(make_violation())
    assert capsys.readouterr().out.startswith("\n::error file=app.py")


def test_a_stream_that_knows_only_ascii_takes_any_name() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    GitHubSink(stream).emit(make_violation(budget=Budget(name="größe")))
    stream.seek(0)
    assert "gr\\xf6\\xdfe" in stream.read()


def test_what_cannot_be_written_to_is_refused() -> None:
    stream: Any = "out.log"
    with pytest.raises(ConfigurationError, match=r"write an open text file, or leave it out"):
        GitHubSink(stream)


def test_elsewhere_it_says_why_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    stream = io.StringIO()
    with pytest.raises(DeliveryError, match="not in GitHub Actions") as caught:
        GitHubSink(stream).emit(make_violation())
    assert caught.value.is_permanent
    assert caught.value.reason == "not here"
    assert not stream.getvalue()
