"""One result in, text out: a table for people, Markdown for the docs, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.figures import ROWS
from benchmarks.results import Judged, Result
from benchmarks.row import Kind, Measure

HEAD: Final = ("row", "CPU", "least", "wall", "beside", "figure", "must", "aim", "holds")
_TITLES: Final = {row.key: row.title for row in ROWS}
_WORD: Final = {True: "yes", False: "NO", None: ""}


def machine() -> str:
    """Return what the figures depend on, in general terms."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.machine()}, {platform.system()}"
    )


def as_text(results: Sequence[Result]) -> str:
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


def as_markdown(results: Sequence[Result]) -> str:
    """Return a table for a Markdown page, under the machine it was measured on."""
    rules = ["---" if column in _LEFT else "---:" for column in range(len(HEAD))]
    table = "".join(f"| {' | '.join(line)} |\n" for line in (HEAD, rules, *_lines(results)))
    notes = _notes(results)
    return f"Measured on {machine()}.\n\n{table}" + (f"\n{notes}" if notes else "")


def as_json(results: Sequence[Result]) -> str:
    """Return all figures, also those of each round."""
    return json.dumps({"machine": machine(), "rows": [_as_record(each) for each in results]})


_LEFT: Final = (0, 4)


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column in _LEFT else cell.rjust(width)


def _lines(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each row, and a further one for each further promise."""
    for result in results:
        first, *others = result.judged or (None,)
        yield (result.row.title, *_costs(result), *_promise_cells(first))
        for judged in others:
            yield ("", "", "", "", *_promise_cells(judged))


def _costs(result: Result) -> tuple[str, str, str]:
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


def _promise_cells(judged: Judged | None) -> tuple[str, ...]:
    if judged is None:
        return ("",) * 5
    promise = judged.promise
    show = _SHOW[promise.measure]
    return (
        _TITLES.get(promise.yardstick, promise.yardstick),
        *(
            "" if each is None else show(each)
            for each in (judged.figure, promise.must, promise.aim)
        ),
        "not measured" if judged.figure is None and promise.must else _WORD[judged.holds],
    )


_SHOW: Final[Mapping[Measure, Callable[[float], str]]] = {
    Measure.RATIO: "{:.3g}".format,
    Measure.EXTRA: "{:+,.0f} ns".format,
    Measure.GROWTH: "{:.3g} MB".format,
    Measure.CORE_SHARE: lambda share: f"{share * 100:.3g} % of a core",
}


def _notes(results: Sequence[Result]) -> str:
    """Say which rows came out too cheap, because the SDK's queue dropped spans."""
    return "".join(
        f"{each.row.title}: {each.series.lost / each.series.calls:.1%} of the spans were dropped "
        "before they were exported.\n"
        for each in results
        if each.series is not None and each.series.lost
    )


def _as_record(result: Result) -> dict[str, Any]:
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
        "promises": [
            {
                "yardstick": judged.promise.yardstick,
                "measure": judged.promise.measure.value,
                "figure": judged.figure,
                "wall_figure": judged.wall_figure,
                "must": judged.promise.must,
                "aim": judged.promise.aim,
                "tolerance": judged.tolerance,
                "holds": judged.holds,
            }
            for judged in result.judged
        ],
    }
