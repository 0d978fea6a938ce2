"""Run `perfkit sinks test`, and read what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from perfkit.cli.group import command


def run(catalog: str, *arguments: str) -> Result:
    """Run the command on a catalog, which becomes a file in the working directory."""
    Path("perfkit.toml").write_text(catalog, encoding="utf-8")
    return CliRunner().invoke(command, ["sinks", "test", *arguments])


def rows_of(result: Result) -> list[dict[str, Any]]:
    """Return the rows of the JSON that it wrote."""
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def results_of(result: Result) -> list[tuple[str, str, str]]:
    """Return route, sink and result of each row."""
    return [(row["route"], row["sink"], row["result"]) for row in rows_of(result)]
