"""`scripts/trace_call.py` counts the modules that a call enters."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perfkit import units
from scripts import trace_call

SCRIPT = Path(__file__).parents[2] / "scripts/trace_call.py"


def run(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize(
    ("journey", "rows"),
    [("steady", 1), ("tracer", 1), ("inline", 1), ("background", 3), ("probed", 1), ("load", 2)],
)
def test_each_journey_is_counted(journey: str, rows: int) -> None:
    table: list[dict[str, Any]] = json.loads(run("--json", journey))

    assert len(table) == rows
    for row in table:
        assert row["calls"] >= 1
        assert 1 <= len(row["modules"]) == len(set(row["modules"]))


def test_the_delivery_thread_is_counted_separately() -> None:
    calling, delivering, both = json.loads(run("--json", "background"))

    assert both["calls"] == calling["calls"] + delivering["calls"]
    assert set(both["modules"]) == {*calling["modules"], *delivering["modules"]}
    assert "perfkit.instruments.wrapping" in set(calling["modules"]) - set(delivering["modules"])
    assert any(name.endswith(".log") for name in delivering["modules"])
    assert not any(name.endswith(".log") for name in calling["modules"])


def test_only_functions_of_perfkit_count() -> None:
    trace = trace_call.traced(lambda: sorted(units.read_quantity("1s") for _ in range(2)))

    assert trace.calls >= 2
    assert "perfkit.units" in trace.modules
    assert all(name.startswith("perfkit") for name in trace.modules)


def test_markdown() -> None:
    assert "| a. steady, no provider | " in run("--markdown", "--list", "steady")


IS_3_14 = sys.version_info[:2] == (3, 14)


@pytest.mark.parametrize(
    ("journey", "most"), [("steady", 1), ("inline", 15), ("load", 21 if IS_3_14 else 20)]
)
def test_a_journey_enters_few_modules(journey: str, most: int) -> None:
    assert max(len(row["modules"]) for row in json.loads(run("--json", journey))) <= most
