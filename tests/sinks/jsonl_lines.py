"""What the tests of JSON Lines share: what is written, and what of it is read again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from perfkit.model import Budget, Violation
from tests.sinks import jsonl_writer
from tests.sinks.violations import make_violation


def named(name: str) -> Violation:
    """Return a violation of a budget of that name."""
    return make_violation(budget=Budget(name=name))


def strictly(text: str) -> Any:
    """Read JSON, and none of what only Python takes for it."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def names_in(path: Path) -> list[str]:
    """Return the budgets of a file's lines, each of which has to be whole."""
    text = path.read_text("utf-8")
    assert text.endswith("\n") or not text
    return [strictly(line)["budget"] for line in text.splitlines()]


def writer(*arguments: object) -> list[str]:
    """Return the command that writes lines in a process of its own."""
    return [sys.executable, "-m", jsonl_writer.__name__, *map(str, arguments)]
