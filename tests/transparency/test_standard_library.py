"""Measured modules of the standard library pass CPython's own tests as if nobody measured them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.transparency.known_differences import KNOWN_DIFFERENCES

CASES: Final = {
    "_pydecimal": "test_decimal",
    "argparse": "test_argparse",
    "ast": "test_ast",
    "asyncio.locks": "test_asyncio.test_locks",
    "asyncio.queues": "test_asyncio.test_queues",
    "asyncio.runners": "test_asyncio.test_runners",
    "asyncio.streams": "test_asyncio.test_streams",
    "asyncio.timeouts": "test_asyncio.test_timeouts",
    "base64": "test_base64",
    "bisect": "test_bisect",
    "configparser": "test_configparser",
    "contextlib": "test_contextlib test_contextlib_async",
    "copy": "test_copy",
    "csv": "test_csv",
    "dataclasses": "test_dataclasses",
    "difflib": "test_difflib",
    "email": "test_email",
    "fnmatch": "test_fnmatch",
    "fractions": "test_fractions",
    "functools": "test_functools",
    "gettext": "test_gettext",
    "glob": "test_glob",
    "graphlib": "test_graphlib",
    "heapq": "test_heapq",
    "html": "test_html test_htmlparser",
    "http.cookies": "test_http_cookies",
    "ipaddress": "test_ipaddress",
    "json": "test_json",
    "optparse": "test_optparse",
    "plistlib": "test_plistlib",
    "pprint": "test_pprint",
    "reprlib": "test_reprlib",
    "shlex": "test_shlex",
    "statistics": "test_statistics",
    "string": "test_string",
    "textwrap": "test_textwrap",
    "tokenize": "test_tokenize",
    "types": "test_types",
    "urllib.parse": "test_urlparse",
}
"""What is measured, and which of CPython's test modules are run on it."""

MODES: Final = ("bare", "light", "general")
FEWEST_TESTS: Final = 10
FEWEST_CALLS: Final = 100
LIMIT_SECONDS: Final = 300
AS_CPYTHON_TESTS_ITSELF: Final = ("-W", "default", "-bb", "-E")
_PARAMETER_OBJECT: Final = re.compile(r"<[^<>]* (at|for) 0x.*?>")
"""An argument of a part of a test: its address differs from run to run, and it may be measured."""
ROOT: Final = Path(__file__).parents[2]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even its package
        return False


@pytest.mark.skipif(
    not _is_there("test.support"),
    reason="this Python came without CPython's own tests (its package `test`)",
)
@pytest.mark.parametrize("module", CASES)
def test_a_measured_module_passes_the_same_tests_of_cpython(module: str, tmp_path: Path) -> None:
    bare, *measured = _run_in_every_mode(module, tmp_path)
    expected = _outcomes(bare)
    assert len(expected) >= FEWEST_TESTS
    for mode, report in zip(MODES[1:], measured, strict=True):
        outcomes = _outcomes(report)
        different = {
            name
            for name in expected.keys() | outcomes.keys()
            if expected.get(name) != outcomes.get(name)
        }
        details = "\n".join(report["details"].get(name, name) for name in different)
        assert different == expected.keys() & KNOWN_DIFFERENCES.keys(), f"{mode}:\n{details}"
        assert report["refused"] == {}
        assert report["calls"] >= FEWEST_CALLS


def _run_in_every_mode(module: str, folder: Path) -> list[Any]:
    """Run the three at the same time, each in a folder of its own."""
    running = [_start(mode, module, folder) for mode in MODES]
    try:
        for process in running:
            _, said = process.communicate(timeout=LIMIT_SECONDS)
            assert process.returncode == 0, said
    finally:
        for process in running:
            process.kill()
            process.communicate()
    return [json.loads((folder / f"{mode}.json").read_text(encoding="utf-8")) for mode in MODES]


def _start(mode: str, module: str, folder: Path) -> subprocess.Popen[str]:
    runner = ("-m", "tests.transparency.runner", mode, str(folder), module)
    return subprocess.Popen(
        [sys.executable, *AS_CPYTHON_TESTS_ITSELF, *runner, *CASES[module].split()],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "COV" not in name},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _outcomes(report: Any) -> dict[str, list[Any]]:
    """Return, for each test by its id, every outcome it had and how often."""
    counts: dict[str, Counter[str]] = {}
    for name, outcome, count in report["outcomes"]:
        counts.setdefault(_PARAMETER_OBJECT.sub("<...>", name), Counter())[outcome] += count
    return {name: sorted(outcomes.items()) for name, outcomes in counts.items()}
