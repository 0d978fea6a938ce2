"""Measure one row in a process of its own, a round for each line that it reads.

``python -m benchmarks.worker module:function SECONDS`` writes JSON to standard output: a line when
it is ready, then a line for each line that it reads. The first of these determines the number of
calls in a round.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from time import perf_counter_ns, process_time_ns
from typing import Any, Final

from benchmarks.subject import Case

_MAX_CALLS: Final = 50_000_000


def measure(case: Case, calls: int) -> dict[str, float]:
    """Make `calls` calls, and return the cost of one of them in nanoseconds.

    CPU time is that of all threads of the process, until all recorded data is exported. Wall time
    is the time that the caller waits: without the final flush.
    """
    gc.collect()
    exported = case.spans_exported()
    cpu, wall = process_time_ns(), perf_counter_ns()
    case.run(calls)
    wall = perf_counter_ns() - wall
    case.flush()
    cpu = process_time_ns() - cpu
    exported = case.spans_exported() - exported
    lost = calls - exported if case.makes_spans else 0
    return {"cpu_ns": cpu / calls, "wall_ns": wall / calls, "calls": calls, "lost": lost}


def calibrate(case: Case, seconds: float) -> int:
    """Return the number of calls that take about `seconds`; also warm the code up."""
    calls = case.min_calls
    while calls < _MAX_CALLS:
        start = perf_counter_ns()
        case.run(calls)
        case.flush()
        took = (perf_counter_ns() - start) / 1e9
        if took >= seconds / 2:
            return max(case.min_calls, round(calls * seconds / took))
        calls *= 2
    return calls


def load(source: str) -> Any:
    """Import ``module:name``."""
    module, _, name = source.partition(":")
    return getattr(import_module(module), name)


def main(source: str, seconds: str) -> None:
    """Measure a round for each line of the input, until it ends."""
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)  # the output of libraries must not mix with the results
        case = load(source)()
        for measured in _rounds(case, float(seconds)):
            output.write(f"{json.dumps(measured)}\n")
            output.flush()


def _rounds(case: Case, seconds: float) -> Iterator[Mapping[str, float]]:
    yield {}
    sys.stdin.readline()
    calls = calibrate(case, seconds)
    yield {"calls": calls}
    for _ in sys.stdin:
        yield measure(case, calls)


if __name__ == "__main__":
    main(*sys.argv[1:])
