"""What comes from elsewhere stays in its place on a terminal."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from perfkit.cli.group import command
from perfkit.cli.printing import printable_lines, shortened


def test_an_error_has_its_lines_and_nothing_that_drives_a_terminal() -> None:
    assert printable_lines(ValueError("one\ntwo\x1b[2J\rthree")) == "one\ntwo\\x1b[2J\\rthree"


@pytest.mark.parametrize("longest", [5, 6, 11, 40])
def test_long_words_lose_their_middle_and_short_ones_nothing(longest: int) -> None:
    found = shortened(f"file /{'folder/' * 20}end", longest)
    first, path = found.split()
    assert first == "file"
    assert len(path) == longest
    assert path.startswith("/")
    assert "..." in path
    assert path.endswith("d")


def test_a_path_that_is_not_there_is_told_in_one_line() -> None:
    result = CliRunner().invoke(command, ["catalog", "check", "no\x1b[2J\nsuch.toml"])
    assert result.exit_code == 2
    assert "\x1b" not in result.output
    assert "no problems" not in result.output
