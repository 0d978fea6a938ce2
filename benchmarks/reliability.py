"""Measure the effect of faulty sinks on the application, in one table.

``python -m benchmarks.reliability`` exits with 0 if every result is within its bound, with 1 if one
is not, and with 3 if one could not be measured.
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
from benchmarks.processes import ROOT, Worker, WorkerError, output, worker
from benchmarks.progress import progress
from benchmarks.receiving import receivers
from benchmarks.reliability_rows import (
    Samples,
    as_json,
    as_markdown,
    as_text,
    evaluate,
    exit_code,
)
from benchmarks.results import Exit

MODULE: Final = "benchmarks.reliability"
_REST_SECONDS: Final = 0.3
"""The pause in which the threads of one process finish, so that they do not disturb the next."""


@frozen(kw_only=True)
class Form:
    """The number of measurements of a run.

    Args:
        rounds: The number of rounds, in which the processes alternate.
        calls: The number of violated calls of each process in a round.
        exits: The number of processes that exit with dead backends, and of those without sinks.
        waiting: The number of queued violations at each exit.
        memory_processes: The number of processes for the memory growth.
        violations: The number of violations in each of these.
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
    """Return the number of calls of `tick` by `measure`."""
    return form.rounds + form.exits + form.memory_processes


def measure(form: Form, tick: Tick) -> Samples:
    """Measure everything.

    Args:
        form: The number of measurements.
        tick: Called with a description after each step.

    Raises:
        WorkerError: If a process cannot be measured; with its standard error.
    """
    samples = Samples()
    with tempfile.TemporaryDirectory() as name, receivers(Path(name)) as addresses:
        _measure_latencies(form, Path(name), addresses, samples, tick)
        for _ in range(form.exits):
            dead, none = (_exit_seconds(form, each) for each in (addresses, {}))
            samples.exit_seconds.append(dead - none)
            tick("exit with dead backends")
    for _ in range(form.memory_processes):
        grown = _run("memory", str(form.violations))
        samples.grown_mb.append(int(grown) / 1e6)
        tick("memory with a dead sink")
    return samples


def _measure_latencies(
    form: Form, folder: Path, addresses: Mapping[str, str], samples: Samples, tick: Tick
) -> None:
    """Alternate the processes; the bare one measures in parallel with each of the others."""
    with ExitStack() as stack:
        workers = {}
        # Start one after the other, so that none is slowed down by the imports of another.
        for kind in KINDS:
            workers[kind] = stack.enter_context(_worker(kind, form.calls, folder / kind, addresses))
            samples.latencies[kind].set_first(workers[kind].wait())
        for number in range(form.rounds):
            for kind in ("healthy", "faulty") if number % 2 else ("faulty", "healthy"):
                time.sleep(_REST_SECONDS)
                workers[kind].start_round()
                workers["bare"].start_round()
                samples.latencies[kind].add(workers[kind].wait())
                bare = workers["bare"].wait()
                if kind == "faulty":
                    samples.latencies["bare"].add(bare)
            tick("added latency")


def _worker(
    kind: str, calls: int, folder: Path, addresses: Mapping[str, str]
) -> AbstractContextManager[Worker]:
    folder.mkdir()
    arguments = (kind, str(calls), str(folder), json.dumps(addresses))
    return worker(kind, "-m", "benchmarks.faulty", *arguments)


def _exit_seconds(form: Form, addresses: Mapping[str, str]) -> float:
    start = time.perf_counter()
    _run("exit", str(form.waiting), json.dumps(addresses))
    return time.perf_counter() - start


def _run(*arguments: str) -> str:
    return output("-m", "benchmarks.dead_backend", *arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure everything, print the table, and return the exit code."""
    parser = command.parser(
        MODULE, __doc__, quick="measure less, in half a minute", page="docs/reliability.md"
    )
    options = command.read(parser, arguments)
    form = QUICK if options.quick else FULL
    try:
        with progress(steps_of(form)) as tick:
            samples = measure(form, tick)
    except WorkerError as error:
        sys.stderr.write(f"{error}\n")
        return Exit.NOT_MEASURED
    rows = evaluate(samples)
    text = as_json(rows, samples) if options.json else f"{machine()}\n\n{as_text(rows)}"
    sys.stdout.write(f"{text.rstrip()}\n")
    if options.markdown:
        page.write(ROOT / "docs" / "reliability.md", MODULE, as_markdown(rows))
    return exit_code(rows)


if __name__ == "__main__":
    sys.exit(main())
