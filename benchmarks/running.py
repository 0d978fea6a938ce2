"""Measure every row in each round, and each row in a process of its own.

pyperf's runner measures one benchmark after the other, so a slow-down of the machine in the middle
would distort the ratios. Here a disturbance of a round affects all of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.util import find_spec
from typing import Any, Final

from attrs import Factory, define

from benchmarks.forms import ROWS, Form
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
    """The measured values of one row.

    Args:
        cpu_ns: The CPU time of the process per call (or import), for each round.
        wall_ns: The wall time per call, for each round.
        grown_bytes: The memory growth of each process, for rows of memory growth.
        calls: The total number of calls.
        lost: The number of spans that were never exported.
    """

    cpu_ns: list[float] = Factory(list)
    wall_ns: list[float] = Factory(list)
    grown_bytes: list[int] = Factory(list)
    calls: int = 0
    lost: int = 0


Tick = Callable[[str], None]


def steps_of(form: Form, rows: Sequence[Row] = ROWS) -> int:
    """Return the number of calls of `tick` by `measure_all`."""
    rows = [row for row in rows if is_installed(row)]
    count = {kind: sum(row.kind is kind for row in rows) for kind in Kind}
    return (
        count[Kind.CALL] * form.processes * (form.rounds + 1)
        + count[Kind.IMPORT] * (form.imports + 1)
        + count[Kind.MEMORY] * form.memory_processes
    )


def measure_all(form: Form, tick: Tick, rows: Sequence[Row] = ROWS) -> Mapping[str, Series]:
    """Measure those of `rows` whose library is installed.

    Args:
        form: The number of measurements.
        tick: Called with the title of a row after each step.
        rows: The rows.

    Raises:
        WorkerError: If a row cannot be measured; with the standard error of its process.
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
    """Return whether the library of `row` is installed."""
    return not row.needs or find_spec(row.needs) is not None


def _measure_calls(
    rows: Sequence[Row], form: Form, series: Mapping[str, Series], tick: Tick
) -> None:
    with ExitStack() as stack:
        workers = {row.key: stack.enter_context(_worker(row, form.seconds)) for row in rows}
        for each in workers.values():
            each.wait()
        for row in rows:
            _round_of(workers[row.key])
            tick(row.title)
        for number in range(form.rounds):
            for row in _alternating(rows, number):
                _add(series[row.key], _round_of(workers[row.key]))
                tick(row.title)


def _worker(row: Row, seconds: float) -> AbstractContextManager[Worker]:
    return worker(row.title, "-m", "benchmarks.worker", row.source, str(seconds))


def _round_of(worker: Worker) -> Mapping[str, Any]:
    """Measure one round, while all other workers wait."""
    worker.start_round()
    return worker.wait()


def _measure_imports(
    rows: Sequence[Row], form: Form, series: Mapping[str, Series], tick: Tick
) -> None:
    """Time each import in new processes; the first run of each only fills the caches."""
    for number in range(form.imports + 1):
        for row in _alternating(rows, number):
            cpu, wall = output("-c", _IMPORT.format(statement=row.source)).split()
            if number:
                _add(series[row.key], {"cpu_ns": int(cpu), "wall_ns": int(wall)})
            tick(row.title)


def _measure_memory(
    rows: Sequence[Row], form: Form, series: Mapping[str, Series], tick: Tick
) -> None:
    """Measure the growth of several new processes.

    Noise of the allocator differs between processes; a leak is in each of them.
    """
    for _ in range(form.memory_processes):
        for row in rows:
            grown = output("-m", "benchmarks.memory", row.source, str(form.memory_calls[row.key]))
            series[row.key].grown_bytes.append(int(grown))
            tick(row.title)


def _alternating(rows: Sequence[Row], number: int) -> Sequence[Row]:
    """Reverse the order in every other round, so that a steady drift cancels out."""
    return rows[::-1] if number % 2 else rows


def _add(series: Series, measured: Mapping[str, Any]) -> None:
    series.cpu_ns.append(measured["cpu_ns"])
    series.wall_ns.append(measured["wall_ns"])
    series.calls += measured.get("calls", 1)
    series.lost += measured.get("lost", 0)
