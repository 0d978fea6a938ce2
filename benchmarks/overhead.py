"""Compare the cost of perfkit with that of its alternatives, in one table.

``python -m benchmarks.overhead`` exits with 0 if every result is within its bound, with 1 if one is
not, and with 3 if one could not be measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks import command, page
from benchmarks.forms import FULL, QUICK, QUICK_TOLERANCE
from benchmarks.printing import as_json, as_markdown, as_text, machine
from benchmarks.processes import ROOT, WorkerError
from benchmarks.progress import progress
from benchmarks.results import Exit, evaluate_all, exit_code
from benchmarks.running import measure_all, steps_of

MODULE: Final = "benchmarks.overhead"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all rows, print the table, and return the exit code."""
    options = command.read(_parser(), arguments)
    form = QUICK if options.quick else FULL
    try:
        with progress(steps_of(form)) as tick:
            measured = measure_all(form, tick)
    except WorkerError as error:
        sys.stderr.write(f"{error}\n")
        return Exit.NOT_MEASURED
    results = evaluate_all(measured, QUICK_TOLERANCE if options.quick else 1.0)
    if options.json:
        sys.stdout.write(f"{as_json(results)}\n")
    else:
        allowed = f"; {QUICK_TOLERANCE} times each bound is allowed" if options.quick else ""
        sys.stdout.write(f"{machine()}{allowed}\n\n{as_text(results)}")
    if options.markdown:
        page.write(ROOT / "docs" / "performance.md", MODULE, as_markdown(results))
    if options.pyperf:
        from benchmarks.pyperf_file import save  # noqa: PLC0415 - pyperf is optional

        save(options.pyperf, results)
    return exit_code(results)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        MODULE,
        __doc__,
        quick=f"measure less, in under a minute, and allow {QUICK_TOLERANCE} times each bound",
        page="docs/performance.md",
    )
    parser.add_argument("--pyperf", metavar="FILE", help="also save the results for pyperf's tools")
    return parser


if __name__ == "__main__":
    sys.exit(main())
