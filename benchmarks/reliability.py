"""Measure that sinks never hurt the application: one table of bars.

``python -m benchmarks.reliability`` ends with 0 if every bar holds, 1 if one does not, and 3 if one
could not be measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from attrs import frozen

from benchmarks import command, page
from benchmarks.faulty import KINDS
from benchmarks.printing import machine
from benchmarks.processes import ROOT, Worker, WorkerFailed, output, worker
from benchmarks.progress import progress
from benchmarks.receiving import receivers
from benchmarks.reliability_bars import (
    Figures,
    as_json,
    as_markdown,
    as_text,
    exit_code,
    judge,
)
from benchmarks.results import Exit

MODULE: Final = "benchmarks.reliability"
_REST_SECONDS: Final = 0.3
"""Until what one process has left to its threads no longer disturbs the next."""


@frozen(kw_only=True)
class Form:
    """How much is measured.

    Args:
        rounds: How many rounds the processes take turns in.
        calls: How many violated calls each makes in a round.
        exits: How many processes end with dead backends, and as many without sinks.
        waiting: How many violations wait then.
        memory_processes: How many processes grow.
        violations: How many violations each of those has.
    """

    rounds: int
    calls: int
    exits: int
    waiting: int
    memory_processes: int
    violations: int


FULL: Final = Form(
    rounds=10, calls=1000, exits=5, waiting=1000, memory_processes=3, violations=1_000_000
)
QUICK: Final = Form(
    rounds=3, calls=400, exits=2, waiting=1000, memory_processes=1, violations=100_000
)


# -- measuring


Tick = Callable[[str], None]


def steps_of(form: Form) -> int:
    """Return how often `measure` reports progress."""
    return form.rounds + form.exits + form.memory_processes


def measure(form: Form, tick: Tick) -> Figures:
    """Measure everything.

    Args:
        form: How much to measure.
        tick: Told what was measured, after each step.

    Raises:
        WorkerFailed: If a process cannot be measured; with what it wrote.
    """
    figures = Figures()
    with tempfile.TemporaryDirectory() as name, receivers(Path(name)) as addresses:
        _measure_latencies(form, Path(name), addresses, figures, tick)
        for _ in range(form.exits):
            dead, none = (_exit_seconds(form, each) for each in (addresses, {}))
            figures.exit_seconds.append(dead - none)
            tick("exit with dead backends")
    for _ in range(form.memory_processes):
        grown = _run("memory", str(form.violations))
        figures.grown_mb.append(int(grown) / 1e6)
        tick("memory with a dead sink")
    return figures


def _measure_latencies(
    form: Form, folder: Path, addresses: Mapping[str, str], figures: Figures, tick: Tick
) -> None:
    """Let the processes take turns; the bare one measures beside both of the others."""
    with ExitStack() as stack:
        asking = {}
        for kind in KINDS:  # one after the other: none is to wait for the others to load
            asking[kind] = stack.enter_context(_worker(kind, form.calls, folder / kind, addresses))
            figures.latencies[kind].take_first(asking[kind].answer())
        for number in range(form.rounds):
            for kind in ("healthy", "faulty") if number % 2 else ("faulty", "healthy"):
                time.sleep(_REST_SECONDS)
                asking[kind].ask()
                asking["bare"].ask()
                figures.latencies[kind].add(asking[kind].answer())
                bare = asking["bare"].answer()
                if kind == "faulty":
                    figures.latencies["bare"].add(bare)
            tick("added latency")


def _worker(
    kind: str, calls: int, folder: Path, addresses: Mapping[str, str]
) -> AbstractContextManager[Worker]:
    folder.mkdir()
    arguments = (kind, str(calls), str(folder), json.dumps(addresses))
    return worker(kind, "-m", "benchmarks.faulty", *arguments)


def _exit_seconds(form: Form, addresses: Mapping[str, str]) -> float:
    began = time.perf_counter()
    _run("exit", str(form.waiting), json.dumps(addresses))
    return time.perf_counter() - began


def _run(*arguments: str) -> str:
    return output("-m", "benchmarks.dead_backend", *arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = command.parser(
        MODULE, __doc__, quick="measure less, in half a minute", page="docs/reliability.md"
    )
    asked = command.read(parser, arguments)
    form = QUICK if asked.quick else FULL
    try:
        with progress(steps_of(form)) as tick:
            figures = measure(form, tick)
    except WorkerFailed as error:
        sys.stderr.write(f"{error}\n")
        return Exit.NOT_MEASURED
    bars = judge(figures)
    text = as_json(bars, figures) if asked.json else f"{machine()}\n\n{as_text(bars)}"
    sys.stdout.write(f"{text.rstrip()}\n")
    if asked.markdown:
        page.write(ROOT / "docs" / "reliability.md", MODULE, as_markdown(bars))
    return exit_code(bars)


if __name__ == "__main__":
    sys.exit(main())
