"""The rows of the overhead benchmark, and the number of their measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from benchmarks.budget_rows import EVIDENCE, PROBES, PROCESS, WINDOWS
from benchmarks.call_rows import CALLS, IMPORTS_AND_MEMORY
from benchmarks.row import Row

QUICK_TOLERANCE: Final = 1.5
"""The factor for each bound in the short form, which measures less."""

ROWS: Final[tuple[Row, ...]] = (
    *CALLS,
    *WINDOWS,
    *PROBES,
    *EVIDENCE,
    *PROCESS,
    *IMPORTS_AND_MEMORY,
)


@frozen
class Form:
    """The number of measurements of a run.

    Args:
        processes: The number of processes of each row, one after the other.
        rounds: The number of rounds in each of these processes.
        seconds: The approximate duration of a row in one round.
        imports: The number of new processes for each import.
        memory_processes: The number of new processes for each row of memory growth.
        memory_calls: The number of calls for each row of memory growth, by its key.
    """

    processes: int
    rounds: int
    seconds: float
    imports: int
    memory_processes: int
    memory_calls: Mapping[str, int]


FULL: Final = Form(
    processes=5,
    rounds=6,
    seconds=0.15,
    imports=31,
    memory_processes=5,
    memory_calls={"memory_metrics": 1_000_000, "memory_spans": 1_000_000},
)
QUICK: Final = Form(
    processes=1,
    rounds=7,
    seconds=0.05,
    imports=7,
    memory_processes=3,
    memory_calls={"memory_metrics": 1_000_000, "memory_spans": 40_000},
)
