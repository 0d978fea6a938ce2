"""Run `perfkit sinks test`, and read its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from perfkit.cli.group import command

BUDGETS = """
[budgets.page]
category = "web"
duration = { target = "1s", threshold = "2s" }

[budgets.query]
category = "database"
critical = true
memory_peak = { target = "1MB", threshold = "2MB" }
"""


def run(catalog: str, *arguments: str) -> Result:
    """Run the command on a catalog with two budgets, which becomes a file in the working folder."""
    Path("perfkit.toml").write_text(f"{catalog}\n{BUDGETS}", encoding="utf-8")
    return CliRunner().invoke(command, ["sinks", "test", *arguments])


def rows_of(result: Result) -> list[dict[str, Any]]:
    """Return the rows of the JSON that it wrote."""
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def results_of(result: Result) -> list[tuple[str, str, str]]:
    """Return route, sink and result of each row."""
    return [(row["route"], row["sink"], row["result"]) for row in rows_of(result)]
