"""``import perfkit`` is light: it loads little, starts nothing and reads no catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LATER = (
    "_lsprof",
    "_tracemalloc",
    "cProfile",
    "click",
    "markdown_it",
    "opentelemetry.exporter",
    "opentelemetry.sdk",
    "psutil",
    "pytest",
    "rich",
    "sqlite3",
    "tomlkit",
    "tracemalloc",
)
LOOK = """
import json, sys, threading, opened
import perfkit
print(json.dumps({
    "modules": sorted(sys.modules),
    "threads": threading.active_count(),
    "hooks": [sys.getprofile() is None, sys.gettrace() is None],
    "opened": opened.names,
}))
"""
RECORD_OPENED_FILES = """
import sys
names = []
sys.addaudithook(lambda event, args: names.append(str(args[0])) if event == "open" else None)
"""


@pytest.fixture(scope="module")
def after_import(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a fresh interpreter has after ``import perfkit`` where catalogs lie about."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "perfkit.toml").write_text("not a catalog")
    (folder / "pyproject.toml").write_text("[tool.perfkit]\nnonsense = 1\n")
    (folder / "opened.py").write_text(RECORD_OPENED_FILES)
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'){LOOK}"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        command, cwd=folder, env=plain, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    seen: dict[str, list[str]] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize("module", LATER)
def test_it_does_not_load(module: str, after_import: dict[str, list[str]]) -> None:
    assert module not in after_import["modules"]


def test_it_starts_no_thread(after_import: dict[str, list[str]]) -> None:
    assert after_import["threads"] == 1


def test_it_sets_no_profiler_and_no_tracer(after_import: dict[str, list[str]]) -> None:
    assert after_import["hooks"] == [True, True]


def test_it_opens_no_file_but_code(after_import: dict[str, list[str]]) -> None:
    names = {Path(name).name for name in after_import["opened"]}

    assert not names & {"perfkit.toml", "pyproject.toml"}
