"""Format the results as a table, as Markdown for the docs, and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.forms import ROWS
from benchmarks.results import Evaluation, RowResult
from benchmarks.row import Kind, Measure

HEAD: Final = ("row", "CPU", "least", "wall", "baseline", "result", "bound", "goal", "within bound")
_TITLES: Final = {row.key: row.title for row in ROWS}
_WORD: Final = {True: "yes", False: "NO", None: ""}


def machine() -> str:
    """Return a short description of the machine and its Python."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.machine()}, {platform.system()}"
    )


def as_text(results: Sequence[RowResult]) -> str:
    """Return a table with aligned columns."""
    lines = [HEAD, *_lines(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "".join(
        "  ".join(
            _aligned(cell, column, widths[column]) for column, cell in enumerate(line)
        ).rstrip()
        + "\n"
        for line in lines
    ) + _notes(results)


def as_markdown(results: Sequence[RowResult]) -> str:
    """Return a description of the machine and a table, in Markdown."""
    rules = ["---" if column in _LEFT else "---:" for column in range(len(HEAD))]
    table = "".join(f"| {' | '.join(line)} |\n" for line in (HEAD, rules, *_lines(results)))
    notes = _notes(results)
    return f"Measured on {machine()}.\n\n{table}" + (f"\n{notes}" if notes else "")


def as_json(results: Sequence[RowResult]) -> str:
    """Return all results and the values of each round, as JSON."""
    return json.dumps({"machine": machine(), "rows": [_as_record(each) for each in results]})


_LEFT: Final = (0, 4)


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column in _LEFT else cell.rjust(width)


def _lines(results: Sequence[RowResult]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each row, and another for each comparison after its first."""
    for result in results:
        first, *others = result.evaluations or (None,)
        yield (result.row.title, *_costs(result), *_comparison_cells(first))
        for evaluation in others:
            yield ("", "", "", "", *_comparison_cells(evaluation))


def _costs(result: RowResult) -> tuple[str, str, str]:
    series = result.series
    if series is None:
        return ("not installed", "", "")
    if result.row.kind is Kind.MEMORY:
        return ("", "", "")
    cpu, wall = series.cpu_ns, series.wall_ns
    return (_time(median(cpu)), _time(min(cpu)), _time(median(wall)))


def _time(nanoseconds: float) -> str:
    if nanoseconds >= 1e6:  # noqa: PLR2004 - an import, or a long call
        return f"{nanoseconds / 1e6:.1f} ms"
    return f"{nanoseconds:,.0f} ns"


def _comparison_cells(evaluation: Evaluation | None) -> tuple[str, ...]:
    if evaluation is None:
        return ("",) * 5
    comparison = evaluation.comparison
    show = _SHOW[comparison.measure]
    return (
        _TITLES.get(comparison.baseline, comparison.baseline),
        *(
            "" if each is None else show(each)
            for each in (evaluation.result, comparison.bound, comparison.goal)
        ),
        "not measured"
        if evaluation.result is None and comparison.bound
        else _WORD[evaluation.within_bound],
    )


_SHOW: Final[Mapping[Measure, Callable[[float], str]]] = {
    Measure.RATIO: "{:.3g}".format,
    Measure.EXTRA: "{:+,.0f} ns".format,
    Measure.GROWTH: "{:.3g} MB".format,
    Measure.CORE_SHARE: lambda share: f"{share * 100:.3g} % of a core",
}


def _notes(results: Sequence[RowResult]) -> str:
    """Return a note for each row that looks too cheap because the SDK's queue dropped spans."""
    return "".join(
        f"{each.row.title}: {each.series.lost / each.series.calls:.1%} of the spans were dropped "
        "before they were exported.\n"
        for each in results
        if each.series is not None and each.series.lost
    )


def _as_record(result: RowResult) -> dict[str, Any]:
    series = result.series
    return {
        "key": result.row.key,
        "title": result.row.title,
        "kind": result.row.kind.value,
        "is_installed": series is not None,
        "cpu_ns": series.cpu_ns if series else [],
        "wall_ns": series.wall_ns if series else [],
        "grown_bytes": series.grown_bytes if series else [],
        "spans_lost": series.lost if series else 0,
        "comparisons": [
            {
                "baseline": evaluation.comparison.baseline,
                "measure": evaluation.comparison.measure.value,
                "result": evaluation.result,
                "wall_result": evaluation.wall_result,
                "bound": evaluation.comparison.bound,
                "goal": evaluation.comparison.goal,
                "tolerance": evaluation.tolerance,
                "within_bound": evaluation.within_bound,
            }
            for evaluation in result.evaluations
        ],
    }
