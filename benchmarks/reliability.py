"""Measure that sinks never hurt the application: one table of bars.

``python -m benchmarks.reliability`` ends with 0 if every bar holds, 1 if one does not, and 3 if one
could not be measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from benchmarks.faulty import KINDS
from benchmarks.printing import END, machine
from benchmarks.progress import progress
from benchmarks.receiving import receivers
from benchmarks.reliability_bars import (
    Bar,
    Figures,
    as_json,
    as_markdown,
    as_text,
    exit_code,
    judge,
)
from benchmarks.results import Exit
from benchmarks.running import ROOT, WorkerFailed, environment

BEGIN: Final = "<!-- written by python -m benchmarks.reliability --markdown -->\n"
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
            worker = stack.enter_context(_worker(kind, form.calls, folder / kind, addresses))
            figures.latencies[kind].take_first(worker.answer())
            asking[kind] = worker
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


class _Worker:
    """A process that measures a round for each line it is sent."""

    def __init__(self, kind: str, process: subprocess.Popen[str], log: Path) -> None:
        self._kind = kind
        self._process = process
        self._log = log

    def ask(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def answer(self) -> Mapping[str, Any]:
        """Wait for what it has measured."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailed(f"{self._kind} cannot be measured:\n{self._log.read_text()[-4000:]}")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


@contextmanager
def _worker(kind: str, calls: int, folder: Path, addresses: Mapping[str, str]) -> Iterator[_Worker]:
    folder.mkdir()
    log = folder / "errors.txt"
    command = [sys.executable, "-m", "benchmarks.faulty", kind, str(calls), str(folder)]
    with (
        log.open("w") as errors,
        subprocess.Popen(  # noqa: S603 - our own module
            [*command, json.dumps(addresses)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env=environment(),
        ) as process,
    ):
        worker = _Worker(kind, process, log)
        try:
            yield worker
        finally:
            process.kill()


def _exit_seconds(form: Form, addresses: Mapping[str, str]) -> float:
    began = time.perf_counter()
    _run("exit", str(form.waiting), json.dumps(addresses))
    return time.perf_counter() - began


def _run(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.dead_backend", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    if done.returncode:
        raise WorkerFailed(f"{arguments[0]} cannot be measured:\n{done.stderr}")
    return done.stdout


def write_page(page: Path, bars: Sequence[Bar]) -> None:
    """Put the table into `page`, in place of the one that is there.

    Raises:
        ValueError: If the page does not say where.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no place for the table between {BEGIN!r} and {END!r}")
    page.write_text(f"{before}{begin}{as_markdown(bars)}{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less, in half a minute")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument(
        "--markdown", action="store_true", help="also write the table into docs/reliability.md"
    )
    asked = parser.parse_args(arguments)
    if asked.quick and asked.markdown:
        parser.error("the page shows the full form; leave out --quick")
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
        write_page(ROOT / "docs" / "reliability.md", bars)
    return exit_code(bars)


if __name__ == "__main__":
    sys.exit(main())
