"""`perfkit catalog check` tells what is wrong with sinks too, and makes none of them."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from perfkit.cli.group import command

WRONG = """
[budgets.own]
duration = "1s"
sinks = ["flie"]

[settings]
sinks = ["notify", "log"]

[[routes]]
sinks = ["pager"]

[[routes]]
name = "r\\u001b[2J"
sinks = ["pager\\n"]

[sinks.file]
type = "jsonl"
pth = "x"
keep = "5"

[sinks.chat]
type = "webhok"

[sinks.all]
type = "fan_out"
sinks = ["file", "fle", "${ONE}", "round"]

[sinks.round]
type = "fan_out"
sinks = ["all"]

[sinks.one]
type = "fan_out"
sinks = "file"

[sinks.events]
type = "otel"
level = "info"
"""
TOLD = (
    ("sinks.file.pth: ", "unknown option"),
    ("sinks.file.keep: ", "whole number"),
    ("sinks.chat.type: ", "no sink is of type ", "webhok", "did you mean ", "webhook"),
    ("sinks.all.sinks: ", "no sink is called ", "fle", "did you mean ", "file"),
    ("sinks.all.sinks: ", "it fans out to itself (all -> round -> all)"),
    ("sinks.round.sinks: ", "it fans out to itself (round -> all -> round)"),
    ("sinks.one.sinks: ", "list of texts"),
    ("sinks.events.level: ", "unknown option"),
    ("routes[0].sinks: ", "no sink is called ", "pager"),
    ("routes[1].sinks: ", "no sink is called ", "pager\\n"),
    ("settings.sinks: ", "notify", "option urls is missing"),
    ("budgets.own.sinks: ", "no sink is called ", "flie", "did you mean ", "file"),
)
RIGHT = """
[[routes]]
sinks = ["all", "metrics"]

[sinks.all]
type = "fan_out"
sinks = ["hook", "evidence", "${ONE}"]

[sinks.hook]
type = "webhook"
url = "${NOT_SET_ANYWHERE}"
max_attempts = 3
"""


def check(catalog: str) -> Result:
    """Run the command."""
    Path("perfkit.toml").write_text(catalog, encoding="utf-8")
    return CliRunner().invoke(command, ["catalog", "check", "perfkit.toml"])


def test_everything_that_the_file_tells_is_told_at_once() -> None:
    result = check(WRONG)
    assert result.exit_code == 2
    told = [line.removeprefix("perfkit.toml:") for line in result.stderr.splitlines()]
    for line, parts in zip(told, TOLD, strict=True):
        assert all(part in line for part in parts), line


def test_a_variable_that_is_not_set_is_no_problem_of_the_file() -> None:
    result = check(RIGHT)
    assert result.exit_code == 0
    assert result.output == (
        "perfkit.toml: 0 budgets, 0 limits, 2 sinks, no problems; to see whether the sinks work, "
        "run perfkit sinks test\n"
    )


def test_no_sink_is_made() -> None:
    check('[sinks.file]\ntype = "jsonl"\npath = "made.jsonl"\n[sinks.e]\ntype = "evidence"\n')
    assert [path.name for path in Path().iterdir()] == ["perfkit.toml"]
