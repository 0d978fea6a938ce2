"""`perfkit sinks test` says of each sink what is so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfkit import DeliveryError
from perfkit.sinks import LogSink
from tests.cli.sink_trials import results_of, rows_of, run
from tests.receivers.webhook import WebhookReceiver, answer, closed_port

WEBHOOK = """
[sinks.{name}]
type = "webhook"
url = "{url}"
max_attempts = 1
"""


def webhook(name: str, url: str | None = None, more: str = "") -> str:
    """Return the table of a sink; without a `url`, where nobody listens."""
    url = url or f"http://127.0.0.1:{closed_port()}"
    return WEBHOOK.format(name=name, url=url) + more + "\n"


def lines_in(path: str) -> list[dict[str, object]]:
    """Return the records in a file."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


# The members of a fan-out.


def test_members_of_members_have_rows_and_one_that_fails_is_said() -> None:
    result = run(
        '[settings]\nsinks = ["outer"]\n[sinks.outer]\ntype = "fan_out"\n'
        f'sinks = ["inner", "metrics"]\n[sinks.inner]\ntype = "fan_out"\nsinks = ["dead"]\n'
        f"{webhook('dead')}",
        "--json",
    )
    assert results_of(result) == [
        ("default", "outer > inner > dead", "lost"),
        ("default", "outer > metrics", "delivered"),
    ]
    assert result.exit_code == 1


def test_members_with_filters_that_exclude_each_other_hear_of_one_each() -> None:
    result = run(
        """
        [settings]
        sinks = ["both"]
        [sinks.both]
        type = "fan_out"
        sinks = ["one", "other"]
        repeat_interval = "1h"
        [sinks.one]
        type = "jsonl"
        path = "one.jsonl"
        match = { category = "w*" }
        [sinks.other]
        type = "jsonl"
        path = "other.jsonl"
        match = { category = "d*" }
        """,
        "--json",
    )
    assert [row["result"] for row in rows_of(result)] == ["delivered", "delivered"]
    assert [len(lines_in(path)) for path in ("one.jsonl", "other.jsonl")] == [1, 1]


def test_a_fan_out_that_leads_nowhere_delivers_nothing() -> None:
    result = run('[settings]\nsinks = ["f"]\n[sinks.f]\ntype = "fan_out"\nsinks = []\n', "--json")
    (row,) = rows_of(result)
    assert (row["result"], row["reason"]) == ("not tried", "f fans out to no sink")


def test_a_raise_sink_among_others_raises_and_the_others_have_heard() -> None:
    result = run(
        '[settings]\nsinks = ["f"]\n[sinks.f]\ntype = "fan_out"\nsinks = ["raise", "metrics"]\n',
        "--json",
    )
    assert [row["result"] for row in rows_of(result)] == ["raised", "delivered"]
    assert result.exit_code == 0


# Routes and filters.


def test_a_dead_sink_is_found_behind_its_filter() -> None:
    only = 'match = { severity = "critical", category = "data*" }'
    result = run(f'[settings]\nsinks = ["dead"]\n{webhook("dead", more=only)}', "--json")
    assert results_of(result) == [("default", "dead", "lost")]
    assert result.exit_code == 1


def test_a_route_and_a_filter_that_no_budget_passes_together_are_unreachable() -> None:
    result = run(
        '[settings]\nsinks = []\n[[routes]]\nname = "r"\nwhen = { category = "web" }\n'
        'sinks = ["file"]\n[sinks.file]\ntype = "jsonl"\nmatch = { category = "database" }\n'
    )
    reason = 'no budget of the catalog has a category that matches "web" and "database"'
    assert f"unreachable: {reason}" in _in_one_line(result.stdout)
    assert result.exit_code == 1


def test_a_sink_on_two_routes_is_not_held_back_on_the_second() -> None:
    with WebhookReceiver() as receiver:
        receiver.then(answer(500), answer(200))
        result = run(
            '[settings]\nsinks = ["hook"]\n[[routes]]\nname = "r"\nwhen = { budget = "page" }\n'
            f'sinks = ["hook"]\n{webhook("hook", receiver.url, more=_HOLDING_BACK)}',
            "--json",
        )
    assert [row["result"] for row in rows_of(result)] == ["lost", "delivered"]


_HOLDING_BACK = (
    'repeat_interval = "1h"\nresolve_after = "1h"\nrate_limit = "1/h"\nburst = 1\nmax_failures = 1'
)


def test_what_a_raise_sink_does_not_raise_is_held_back_on_purpose() -> None:
    result = run(
        '[settings]\nsinks = []\n[[routes]]\nname = "r"\nwhen = { state = "degraded", '
        'severity = ">= info", metric = "duration" }\nsinks = ["raise"]\n'
    )
    assert "suppressed: not raised" in result.stdout
    assert result.exit_code == 0


# What nothing names, and what is not here.


def test_a_sink_that_nothing_names_is_tried_and_said_to_be_so() -> None:
    catalog = f'[settings]\nsinks = ["metrics"]\n{webhook("forgotten")}'
    result = run(catalog)
    assert "(not used)  forgotten" in result.stdout
    assert result.exit_code == 1
    assert results_of(run(catalog, "--json"))[1] == ("", "forgotten", "lost")


def test_that_violations_go_nowhere_is_said_though_a_sink_is_there() -> None:
    result = run('[settings]\nsinks = []\n[sinks.m]\ntype = "metrics"\n')
    assert result.stdout.endswith(
        "1 tested, none failed. No sink is named by a route, a budget or the settings: violations "
        "go nowhere.\n"
    )


def test_what_only_the_application_has_is_neither_well_nor_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    result = run('[settings]\nsinks = ["otel", "sentry", "github"]\n')
    said = _in_one_line(result.stdout)
    assert "not checkable here: this process has no logger provider" in said
    assert "not checkable here: the application that initialises it is not loaded here" in said
    assert "not checkable here: not in GitHub Actions" in said
    assert result.stdout.endswith("3 not checkable here.\n")
    assert "well" not in result.stdout
    assert result.exit_code == 0


def test_evidence_that_cannot_be_written_is_lost(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    sink = '[sinks.e]\ntype = "evidence"\nfolder = "{}"\n'
    lost = run('[settings]\nsinks = ["e"]\n' + sink.format("taken"), "--json")
    assert results_of(lost) == [("default", "e", "lost")]
    kept = run('[settings]\nsinks = ["e"]\n' + sink.format("new"), "--json")
    assert results_of(kept) == [("default", "e", "delivered")]
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_sink_that_fails_to_flush_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DeliveryError("gone")

    monkeypatch.setattr(LogSink, "flush", fail, raising=False)
    result = run('[settings]\nsinks = ["log"]\n', "--json")
    assert result.exit_code == 0
    assert results_of(result) == [("default", "log", "delivered")]


def _in_one_line(table: str) -> str:
    """Return the words of the last column, which a narrow table breaks, one after another."""
    lines = table.splitlines()
    start = lines[0].index("result")
    return " ".join(line[start:].strip() for line in lines)
