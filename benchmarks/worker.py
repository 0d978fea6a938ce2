"""One row in a process of its own: measures a round for each line it reads.

``python -m benchmarks.worker module:function SECONDS`` answers on standard output in JSON: a line
when it is ready, then one for each line it reads. The first line only lets it find out how many
calls make a round.
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

_MOST_CALLS: Final = 50_000_000


def measure(case: Case, calls: int) -> dict[str, float]:
    """Make `calls` calls, and return what one of them costs in nanoseconds.

    CPU time is that of all threads of the process, until what was recorded has reached the
    exporters. Wall time is what the caller waited for: without that last flush.
    """
    gc.collect()
    shipped = case.spans_shipped()
    cpu, wall = process_time_ns(), perf_counter_ns()
    case.run(calls)
    wall = perf_counter_ns() - wall
    case.flush()
    cpu = process_time_ns() - cpu
    shipped = case.spans_shipped() - shipped
    lost = calls - shipped if case.makes_spans else 0
    return {"cpu_ns": cpu / calls, "wall_ns": wall / calls, "calls": calls, "lost": lost}


def calibrate(case: Case, seconds: float) -> int:
    """Return how many calls take about `seconds`; warms the code up on the way."""
    calls = case.fewest
    while calls < _MOST_CALLS:
        began = perf_counter_ns()
        case.run(calls)
        case.flush()
        took = (perf_counter_ns() - began) / 1e9
        if took >= seconds / 2:
            return max(case.fewest, round(calls * seconds / took))
        calls *= 2
    return calls


def load(source: str) -> Any:
    """Return what ``module:name`` names."""
    module, _, name = source.partition(":")
    return getattr(import_module(module), name)


def main(source: str, seconds: str) -> None:
    """Serve rounds until the input ends."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a library prints must not get between the answers
        case = load(source)()
        for answer in _answers(case, float(seconds)):
            answers.write(f"{json.dumps(answer)}\n")
            answers.flush()


def _answers(case: Case, seconds: float) -> Iterator[Mapping[str, float]]:
    yield {}
    sys.stdin.readline()
    calls = calibrate(case, seconds)
    yield {"calls": calls}
    for _ in sys.stdin:
        yield measure(case, calls)


if __name__ == "__main__":
    main(*sys.argv[1:])
