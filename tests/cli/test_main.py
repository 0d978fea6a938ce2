"""The `perfkit` command starts quickly and says plainly what it lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from perfkit.cli import main
from perfkit.cli.group import SUBCOMMANDS, command


def run_in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    code = "import sys; from perfkit.cli.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_help_lists_the_subcommands_without_loading_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SUBCOMMANDS:
        monkeypatch.setitem(sys.modules, f"perfkit.cli.{name}", None)

    result = CliRunner().invoke(command, ["--help"])

    assert result.exit_code == 0
    assert all(f"{name} " in result.stdout for name in SUBCOMMANDS)


def test_only_the_subcommand_that_runs_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perfkit.cli.demo", None)

    assert CliRunner().invoke(command, ["catalog", "--help"]).exit_code == 0


def test_an_unknown_subcommand_is_a_usage_error() -> None:
    result = CliRunner().invoke(command, ["catalogue"])

    assert result.exit_code == 2
    assert "No such command 'catalogue'" in result.stderr


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(command, ["--version"]).exit_code == 0


@pytest.mark.parametrize("library", ["click", "rich", "tomlkit", "markdown_it"])
def test_a_missing_library_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], library: str
) -> None:
    monkeypatch.setattr(main, "find_spec", lambda name: None if name == library else object())

    with pytest.raises(SystemExit) as caught:
        main.run()

    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "the perfkit command needs the 'cli' extra; install it with: pip install 'perfkit[cli]'\n"
    )


def test_it_runs_as_a_process(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text('[budgets.load]\nduration = "1s"\n')

    done = run_in_a_process("catalog", "check", str(path))

    assert done.returncode == 0
    assert done.stdout == f"{path}: 1 budget, 1 limit, no problems\n"


def test_a_terminal_with_few_characters_gets_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text('[budgets."\u691c\u7d22"]\ncategory = "caf\u00e9"\nduration = "1s"\n', "utf-8")

    done = run_in_a_process("catalog", "list", str(path), PYTHONIOENCODING="ascii")

    assert done.returncode == 0
    assert done.stderr == ""


def test_the_help_of_a_subcommand_keeps_the_lines_of_a_list() -> None:
    result = CliRunner().invoke(command, ["sinks", "test", "--help"], terminal_width=80)
    assert "\n    2  the catalog cannot be used\n" in result.output
    assert "\\b" not in result.output
