"""`perfkit sinks test` tells ways apart by their names, whatever is in them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.sink_trials import results_of, run

FILE = '[sinks.file]\ntype = "jsonl"\n'


def route(name: str, sinks: str = "metrics") -> str:
    """Return a route of a catalog."""
    named = f'name = "{name}"\n' if name else ""
    return f'[[routes]]\n{named}when = {{ budget = "page" }}\nsinks = ["{sinks}"]\n'


def test_only_the_sinks_of_the_chosen_route_are_made() -> None:
    other = '[sinks.secret]\ntype = "webhook"\nurl = "${NOT_SET_ANYWHERE}"\n'
    result = run(f"{route('on call')}{route('other', 'secret')}{other}", "--route", "on call")
    assert result.exit_code == 0, result.output
    unset = run(f"{route('other', 'secret')}{other}")
    assert unset.exit_code == 2
    assert "sinks.secret.url: the environment variable NOT_SET_ANYWHERE is not" in unset.stderr
    assert "Traceback" not in unset.output


def test_a_sink_that_nothing_here_leads_to_may_lack_its_variables() -> None:
    other = '[sinks.secret]\ntype = "webhook"\nurl = "${NOT_SET_ANYWHERE}"\n'
    elsewhere = (
        '[settings]\nsinks = ["metrics"]\nenvironment = "production"\n[[routes]]\n'
        'name = "r"\nwhen = { environment = "staging" }\nsinks = ["secret"]\n'
    )
    for catalog, name in ((elsewhere, "r"), ('[settings]\nsinks = ["metrics"]\n', "")):
        result = run(catalog + other, "--json")
        assert (name, "secret", "not checkable here") in results_of(result)
        assert ("default", "metrics", "delivered") in results_of(result)
        assert result.exit_code == 0
    assert run(elsewhere + other, "--route", "r").exit_code == 2


def test_a_misspelt_route_is_told_together_with_what_else_is_wrong() -> None:
    result = run(
        f'{route("on call", "file")}{FILE}[sinks.secret]\ntype = "webhook"\n'
        'url = "${NOT_SET_ANYWHERE}"\n',
        "--route",
        "on cal",
    )
    assert result.exit_code == 2
    first, *others = result.stderr.splitlines()
    assert first == "no route is called 'on cal'; there are on call, default"
    assert any("NOT_SET_ANYWHERE" in line for line in others)


def test_a_name_that_is_no_sink_is_told_with_its_place() -> None:
    result = run(f"{route('a', 'metrcs')}{route('b', 'metrcs')}", "perfkit.toml")
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    for at, line in enumerate(lines):
        assert line.startswith(f"perfkit.toml: routes[{at}].sinks: no sink is called ")
        assert "metrics" in line


def test_a_route_with_the_name_that_another_one_would_be_given_is_told_apart() -> None:
    catalog = (
        '[settings]\nsinks = ["metrics"]\n[budgets.own]\nduration = "1s"\nsinks = ["metrics"]\n'
        + "".join(map(route, ("", "route 1", "budget own", "")))
    )
    names = ["routes[0]", "route 1", "budget own", "route 4", "default", "budgets.own.sinks"]
    assert [row[0] for row in results_of(run(catalog, "--json"))] == names
    for name in names:
        assert [row[0] for row in results_of(run(catalog, "--json", "--route", name))] == [name]


def test_names_cannot_look_like_rows_or_drive_the_terminal() -> None:
    result = run(
        route("r\\u001b[2J\\nroute2 log delivered", "s\\u0007\\nink")
        + '[sinks."s\\u0007\\nink"]\ntype = "jsonl"\npath = "a\\u001b[1m.jsonl"\n'
    )
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\x07" not in result.output
    assert not any(line.startswith("route2") for line in result.stdout.splitlines())


def test_errors_cannot_drive_the_terminal_either() -> None:
    wrong = run(route("r\\u001b[2J", "no\\u001b[2J\\nsuch sink"), "--route", "x\x1b[2J\ny")
    assert wrong.exit_code == 2
    assert "\x1b" not in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 2


def test_a_name_that_looks_like_markup_is_shown_on_a_terminal() -> None:
    """The bar that counts the sinks is drawn on a terminal only."""
    Path("perfkit.toml").write_text(
        '[settings]\nsinks = ["a[/x]"]\n[sinks."a[/x]"]\ntype = "metrics"\n'
    )
    code = "import sys; from perfkit.cli.main import run; run()"
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, "sinks", "test"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            stdin=theirs,
            check=False,
            env=os.environ | {"TERM": "xterm"},
        )
        os.close(theirs)
        seen = os.read(ours, 100_000)
    finally:
        os.close(ours)
    assert done.returncode == 0, seen.decode()
    assert b"a[/x]" in done.stdout


@pytest.mark.parametrize("columns", ["20", "80", "120"])
def test_a_long_path_loses_its_middle_and_no_line_is_too_long(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    path = f"{'a-folder-with-a-long-name/' * 5}violations.jsonl"
    result = run(
        f"{route('a name of a route that is rather long, as some are', 'file')}"
        f'[sinks.file]\ntype = "jsonl"\npath = "{path}"\n[settings]\nsinks = []\n'
    )
    assert max(map(len, result.stdout.splitlines())) <= max(72, int(columns))
    assert "ns.jsonl" in result.stdout
    assert "result" in result.stdout.splitlines()[0]
    assert (
        path
        in run(
            f'{route("r", "file")}[sinks.file]\ntype = "jsonl"\npath = "{path}"\n', "--json"
        ).stdout
    )
