"""Measure what perfkit costs beside what people would use instead: one table.

``python -m benchmarks.overhead`` ends with 0 if every "must" holds, 1 if one does not, and 3 if one
could not be measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks import command, page
from benchmarks.figures import FULL, QUICK, QUICK_TOLERANCE
from benchmarks.printing import as_json, as_markdown, as_text, machine
from benchmarks.processes import ROOT, WorkerFailed
from benchmarks.progress import progress
from benchmarks.results import Exit, exit_code, judge_all
from benchmarks.running import measure_all, steps_of

MODULE: Final = "benchmarks.overhead"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    asked = command.read(_parser(), arguments)
    form = QUICK if asked.quick else FULL
    try:
        with progress(steps_of(form)) as tick:
            measured = measure_all(form, tick)
    except WorkerFailed as error:
        sys.stderr.write(f"{error}\n")
        return Exit.NOT_MEASURED
    results = judge_all(measured, QUICK_TOLERANCE if asked.quick else 1.0)
    if asked.json:
        sys.stdout.write(f"{as_json(results)}\n")
    else:
        allowed = f'; up to {QUICK_TOLERANCE} times a "must" passes' if asked.quick else ""
        sys.stdout.write(f"{machine()}{allowed}\n\n{as_text(results)}")
    if asked.markdown:
        page.write(ROOT / "docs" / "performance.md", MODULE, as_markdown(results))
    if asked.pyperf:
        from benchmarks.pyperf_file import save  # noqa: PLC0415 - pyperf is optional

        save(asked.pyperf, results)
    return exit_code(results)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        MODULE,
        __doc__,
        quick=f'measure less, in under a minute, and allow {QUICK_TOLERANCE} times each "must"',
        page="docs/performance.md",
    )
    parser.add_argument("--pyperf", metavar="FILE", help="also save the figures for pyperf's tools")
    return parser


if __name__ == "__main__":
    sys.exit(main())
