"""Problems in the tables of sinks are reported without the text of the file."""

from __future__ import annotations

import tomllib

import pytest

from perfkit.catalog.reading import POLICY
from tests.catalog.test_problems import problems_of

SECRET = "https://hooks.example.com/hunter2"  # noqa: S105 - it opens nothing
LINES = (*(f"{key} = @" for key in POLICY), "match = { state = @, severity = @, metric = @ }")


@pytest.mark.parametrize(
    "text",
    [
        "[sinks]\nhook = @",
        "sinks = @",
        "sinks = [@]",
        "sinks = { hook = @ }",
        "[[sinks]]\nurl = @",
        "[sinks]\nhook = [@]",
        "[sinks.hook]\ntype = [@]",
        "[sinks.hook]\ntype = { url = @ }",
        *(f'[sinks.hook]\ntype = "log"\n{line}' for line in LINES),
    ],
)
@pytest.mark.parametrize("value", [f'"{SECRET}"', f'["{SECRET}"]', f'{{ url = "{SECRET}" }}'])
def test_no_text_in_the_tables_of_sinks_is_shown(text: str, value: str) -> None:
    written = text.replace("@", value)
    if tomllib.loads(written)["sinks"] == {"hook": {"url": SECRET}}:
        return  # the table of a sink
    told = "\n".join(problems_of(written))
    assert told.startswith("perfkit.toml:")
    assert "hunter2" not in told
    assert "hooks" not in told


@pytest.mark.parametrize(
    "line",
    [
        f"url = {SECRET}",
        f'url = "{SECRET}',
        f'url = "{SECRET}" x',
        f"url = '{SECRET}\n",
        f'url = "{SECRET}"\nurl = "{SECRET}"',
        f'url = "{SECRET}\\q"',
        f'url = ["{SECRET}"',
        f'"{SECRET}"',
        f'url = "{SECRET}"\nurl.a = "{SECRET}"',
        f'a = {{ url = "{SECRET}", url = "{SECRET}" }}',
        f'a = {{ url = "{SECRET}" }}\na.url = "{SECRET}"',
        'url = "hunter2\0"',
    ],
)
def test_what_is_no_toml_is_told_without_what_stands_there(line: str) -> None:
    told = problems_of(f"[sinks.hook]\n{line}")
    assert "hunter2" not in "\n".join(told)
