"""How much is measured, and which rows: the one place for these figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from benchmarks.budget_rows import EVIDENCE, PROBES, PROCESS, WINDOWS
from benchmarks.call_rows import CALLS, IMPORTS_AND_MEMORY
from benchmarks.row import Row

QUICK_TOLERANCE: Final = 1.5
"""How far beyond its "must" a figure may be in the short form, which measures less."""

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
    """How much is measured.

    Args:
        processes: How many processes each row is measured in, one after the other.
        rounds: How many rounds each of them takes part in.
        seconds: How long one row is measured in one round, about.
        imports: How many fresh processes for each import.
        memory_processes: How many fresh processes for each row of memory growth.
        memory_calls: Calls for each row of memory growth, by its key.
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
