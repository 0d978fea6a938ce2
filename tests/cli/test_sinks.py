"""`perfkit sinks test` tells what arrived where, by sending it there."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from perfkit.cli.group import command
from tests.receivers.webhook import WebhookReceiver, closed_port

CATALOG = """
[budgets.own]
duration = "1s"
sinks = ["file"]

[budgets.query]
category = "database"
critical = true
memory_peak = { target = "1MB", threshold = "2MB" }

[budgets.page]
duration = { target = "1s", threshold = "2s" }

[settings]
sinks = ["metrics"]

[[routes]]
name = "pager"
when = { category = "data*", severity = "critical" }
sinks = ["hook", "quiet"]

[[routes]]
when = { metric = "memory_*", state = "degraded", severity = ">= info" }
sinks = ["file"]

[[routes]]
name = "odd"
when = { metric = "duration", state = "degraded" }
sinks = ["file"]

[sinks.hook]
type = "webhook"
url = "URL/secret-path"
max_attempts = 1

[sinks.quiet]
type = "jsonl"
path = "quiet.jsonl"
match = { budget = "q*" }

[sinks.file]
type = "jsonl"
path = "violations.jsonl"
background = true
"""


def perfkit(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, ["sinks", "test", *arguments], env={"COLUMNS": "120"})


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_sink_gets_a_marked_violation_and_its_row_says_what_came_of_it(folder: Path) -> None:
    with WebhookReceiver() as receiver:
        (folder / "perfkit.toml").write_text(CATALOG.replace("URL", receiver.url))
        result = perfkit()
        (record,) = receiver.records()
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[:2] for row in rows[1:3]] == [["pager", "hook"], ["quiet", "file"]]
    assert "delivered in" in result.stdout
    assert "unreachable: no budget of the" in result.stdout
    assert result.stdout.endswith("6 tested, 1 failed.\n")
    assert result.exit_code == 1
    assert (record["test"], record["budget"], record["category"]) == (True, "query", "database")
    assert [each["budget"] for each in _lines(folder / "quiet.jsonl")] == ["query"]
    heard = _lines(folder / "violations.jsonl")
    assert [(each["metric"], each["state"], each["test"]) for each in heard] == [
        ("memory_peak", "degraded", True),
        ("duration", "violated", True),
    ]


def test_what_does_not_arrive_is_told_without_the_secret_in_its_address(folder: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    (folder / "perfkit.toml").write_text(CATALOG.replace("URL", url))
    result = perfkit("--route", "pager")
    assert result.exit_code == 1
    assert "lost: " in result.stdout
    assert "secret-path" not in result.output


def test_one_route_is_tried_alone_and_told_as_json(folder: Path) -> None:
    (folder / "perfkit.toml").write_text(CATALOG.replace("URL", "http://192.0.2.1"))
    result = perfkit("--route", "default", "--json")
    assert result.exit_code == 0
    (tried,) = json.loads(result.stdout)
    assert tried.pop("seconds") >= 0
    assert tried == {
        "route": "default",
        "sink": "metrics",
        "destination": "metrics",
        "result": "delivered",
        "reason": "",
    }


def test_a_raise_sink_raises_and_nothing_configured_is_said(folder: Path) -> None:
    (folder / "raise.toml").write_text('[settings]\nsinks = ["raise"]\n')
    raising = perfkit("raise.toml")
    assert "raised" in raising.stdout
    assert raising.exit_code == 0
    (folder / "none.toml").write_text("[settings]\nsinks = []\n")
    assert perfkit("none.toml").stdout.endswith("violations go nowhere.\n")
