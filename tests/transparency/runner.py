"""Run tests of CPython's own test package in this process, after measuring what they test.

    python -m tests.transparency.runner MODE FOLDER MODULE,MODULE TEST TEST ...

Writes ``MODE.json`` to FOLDER: the outcome of each test by its id, and how much was measured.
"""

# ruff: noqa: N802 - unittest chose the names of its methods
# ruff: noqa: PLC0415 - the bare run must not import perfkit, nor anything before the measuring

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import unittest
from collections import Counter
from pathlib import Path
from typing import Any

dumps = json.dumps  # as it is now, for after the tests


class Outcomes(unittest.TestResult):
    """Keeps the outcome of each test, and why it failed."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.details: dict[str, str] = {}

    def addSuccess(self, test: Any) -> None:
        self._add(test, "ok")

    def addError(self, test: Any, err: Any) -> None:
        self._add(test, "error", err)

    def addFailure(self, test: Any, err: Any) -> None:
        self._add(test, "failure", err)

    def addSkip(self, test: Any, reason: str) -> None:
        self._add(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self._add(test, "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._add(test, "unexpected success")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._add(test, "failure in a part", err)

    def _add(self, test: Any, outcome: str, err: Any = None) -> None:
        name = test.id()
        self.outcomes[name, outcome] += 1
        if err is not None and name not in self.details:
            self.details[name] = self._exc_info_to_string(err, test)  # type: ignore[attr-defined]


class Counting:
    """An observer that counts the calls it is told of."""

    def __init__(self) -> None:
        self.count = 0

    def start(self, *_: Any) -> Counting:
        return self

    def stop(self, *_: Any) -> None:
        self.count += 1


def main(mode: str, folder: str, packages: str, *tests: str) -> None:
    # A shell lets what it runs in the background ignore Ctrl-C, for which some of the tests wait.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    own_folder = Path(folder, mode)  # tests write files where they stand
    own_folder.mkdir()
    os.chdir(own_folder)
    report: dict[str, Any] = {"measured": [], "refused": {}}
    count_calls = (lambda: 0) if mode == "bare" else measure(mode, packages.split(","), report)
    result = run(tests)
    report["calls"] = count_calls()
    report["outcomes"] = sorted([*key, count] for key, count in result.outcomes.items())
    report["details"] = result.details
    Path(folder, f"{mode}.json").write_text(dumps(report), encoding="utf-8")


def measure(mode: str, packages: list[str], report: dict[str, Any]) -> Any:
    """Measure `packages` in the way of `mode`; return what tells how many calls there were."""
    import perfkit
    from tests.transparency.measuring import Measurer

    observer = Counting()
    observers = [observer] if mode == "general" else []
    perfkit.configure(perfkit.Catalog(), spans="never", observers=observers)
    for name in packages:
        importlib.import_module(name)
    drained = _count_drained_calls()
    measurer = Measurer(frozenset(packages))
    measurer.measure_now_and_later()

    def count_calls() -> int:
        report["measured"] = sorted(measurer.measured)
        report["refused"] = measurer.refused
        return observer.count if observers else sum(drained) + _count_waiting_calls()

    return count_calls


def _count_drained_calls() -> list[int]:
    """Return a list to which each drain of a place appends the number of calls on the fast path."""
    from perfkit.runtime.callsite import Callsite

    drained: list[int] = []
    drain = Callsite.drain

    def count_and_drain(site: Callsite) -> None:
        before = len(site.durations)
        drain(site)
        drained.append(before - len(site.durations))

    Callsite.drain = count_and_drain  # type: ignore[method-assign]  # only in this process
    return drained


def _count_waiting_calls() -> int:
    """Return the number of calls on the fast path whose durations wait at their places."""
    from perfkit.runtime.callsite import Callsite

    return sum(len(site.durations) for site in gc.get_objects() if type(site) is Callsite)


def run(tests: tuple[str, ...]) -> Outcomes:
    """Run `tests` as regrtest does without any resource (network, much CPU, sound ...)."""
    from test import support

    support.use_resources = []
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromName(f"test.{name}") for name in tests
    )
    result = Outcomes()
    suite.run(result)
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
