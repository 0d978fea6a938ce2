"""Measure rows side by side: every row in each round, each row in a process of its own.

pyperf's runner measures one benchmark after the other, so that a machine which slows down half-way
would bend the ratios. Here whatever disturbs a round disturbs all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec
from typing import Any, Final

from attrs import Factory, define

from benchmarks.figures import ROWS, Form
from benchmarks.processes import Worker, output, worker
from benchmarks.row import Kind, Row

_IMPORT: Final = """
import time
cpu, wall = time.process_time_ns(), time.perf_counter_ns()
{statement}
cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
print(cpu, wall)
"""


@define
class Series:
    """What was measured for one row, round by round.

    Args:
        cpu_ns: CPU time of the process for each call (or import).
        wall_ns: Wall time for each.
        grown_bytes: Memory growth of each process, for rows that measure that.
        calls: How many calls in all.
        lost: How many spans never reached the exporter.
    """

    cpu_ns: list[float] = Factory(list)
    wall_ns: list[float] = Factory(list)
    grown_bytes: list[int] = Factory(list)
    calls: int = 0
    lost: int = 0


Tick = Callable[[str], None]


def steps_of(form: Form, rows: Sequence[Row] = ROWS) -> int:
    """Return how often `measure_all` reports progress."""
    rows = [row for row in rows if is_installed(row)]
    count = {kind: sum(row.kind is kind for row in rows) for kind in Kind}
    return (
        count[Kind.CALL] * form.processes * (form.rounds + 1)
        + count[Kind.IMPORT] * (form.imports + 1)
        + count[Kind.MEMORY] * form.memory_processes
    )


def measure_all(form: Form, tick: Tick, rows: Sequence[Row] = ROWS) -> Mapping[str, Series]:
    """Measure `rows`; what is not installed is left out.

    Args:
        form: How much to measure.
        tick: Told the title of a row after each step.
        rows: What to measure.

    Raises:
        WorkerFailed: If a row cannot be measured; with what it wrote.
    """
    rows = [row for row in rows if is_installed(row)]
    series = {row.key: Series() for row in rows}
    calls, imports, memory = ([row for row in rows if row.kind is kind] for kind in Kind)
    for _ in range(form.processes):
        _measure_calls(calls, form, series, tick)
    _measure_imports(imports, form, series, tick)
    _measure_memory(memory, form, series, tick)
    return series


def is_installed(row: Row) -> bool:
    """Tell whether the library that `row` measures is here."""
    return not row.needs or find_spec(row.needs) is not None


def _measure_calls(
    rows: Sequence[Row], form: Form, series: Mapping[str, Series], tick: Tick
) -> None:
    with ExitStack() as stack:
        workers = {row.key: stack.enter_context(_worker(row, form.seconds)) for row in rows}
        for each in workers.values():
            each.answer()
        for row in rows:
            _round_of(workers[row.key])
            tick(row.title)
        for number in range(form.rounds):
            for row in _there_and_back(rows, number):
                _add(series[row.key], _round_of(workers[row.key]))
                tick(row.title)


def _worker(row: Row, seconds: float) -> AbstractContextManager[Worker]:
    return worker(row.title, "-m", "benchmarks.worker", row.source, str(seconds))


def _round_of(worker: Worker) -> Mapping[str, Any]:
    """Let it measure one round, alone."""
    worker.ask()
    return worker.answer()


def _measure_imports(
    rows: Sequence[Row], form: Form, series: Mapping[str, Series], tick: Tick
) -> None:
    """Time each import in fresh processes; the first one of each only fills the caches."""
    for number in range(form.imports + 1):
        for row in _there_and_back(rows, number):
            cpu, wall = output("-c", _IMPORT.format(statement=row.source)).split()
            if number:
                _add(series[row.key], {"cpu_ns": int(cpu), "wall_ns": int(wall)})
            tick(row.title)


def _measure_memory(
    rows: Sequence[Row], form: Form, series: Mapping[str, Series], tick: Tick
) -> None:
    """Let fresh processes grow: where an allocator puts things is chance, a leak is in each."""
    for _ in range(form.memory_processes):
        for row in rows:
            grown = output("-m", "benchmarks.memory", row.source, str(form.memory_calls[row.key]))
            series[row.key].grown_bytes.append(int(grown))
            tick(row.title)


def _there_and_back(rows: Sequence[Row], number: int) -> Sequence[Row]:
    """Turn the order round in every other round, so that a steady drift cancels."""
    return rows[::-1] if number % 2 else rows


def _add(series: Series, answer: Mapping[str, Any]) -> None:
    series.cpu_ns.append(answer["cpu_ns"])
    series.wall_ns.append(answer["wall_ns"])
    series.calls += answer.get("calls", 1)
    series.lost += answer.get("lost", 0)
