"""Turn the figures in a row of a document's table into limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from perfkit.catalog.limits import read_limit
from perfkit.catalog.problems import Problems
from perfkit.document.cells import (
    Figure,
    UnreadableCellError,
    is_empty,
    read_direction,
    read_figure,
    read_pair,
    read_statistic,
)
from perfkit.document.columns import Column
from perfkit.document.table_layout import Line
from perfkit.document.vocabulary import METRIC_HINTS, SCALING, USUAL_METRICS, mentions
from perfkit.model import Limit, Metric, Statistic
from perfkit.units import Unit


@frozen(kw_only=True)
class RowContext:
    """The words around the figures of a row, which tell what they measure.

    Args:
        qualifiers: Cells of the row that say what is measured.
        title: What the row is called.
        section: The heading above the table; empty if there is none.
    """

    qualifiers: tuple[str, ...]
    title: str
    section: str


@frozen(kw_only=True)
class Reading:
    """What became of the cells of one line.

    Args:
        limits: What they promise.
        lost: Columns whose cell could not be made a limit, or not all of it, with the reason.
        assumed: What was taken for granted, as a remark; empty if nothing was.
    """

    limits: tuple[Limit, ...] = ()
    lost: tuple[tuple[Column, str], ...] = ()
    assumed: str = ""


def read_line(line: Line, cells: Sequence[str], around: RowContext) -> Reading:
    """Read the cells of one row that make one limit.

    Args:
        line: Which columns they are.
        cells: Texts of all cells of the row.
        around: What else the row says.
    """
    columns = [column for column in (line.target, line.threshold) if column]
    full = [column for column in columns if not is_empty(cells[column.index])]
    if not full:
        return Reading()
    try:
        figures = list(_figures(columns, full, cells))
        limits = tuple(_limits(figures, columns, around))
    except UnreadableCellError as error:
        return Reading(lost=tuple((column, str(error)) for column in full))
    lost = [
        (column, f'"{figure.strange}" has no meaning here')
        for column, figure in zip(full, figures, strict=False)
        if figure.strange
    ]
    is_half = line.target in full and line.threshold not in full
    assumed = "no threshold beside it; the target is taken for both" if is_half else ""
    return Reading(limits=limits, lost=tuple(lost), assumed=assumed)


def read_scaling(text: str) -> Limit | None:
    """Read how cost may grow with size, such as ``"Linear"``; None if the cell is empty."""
    exponent = SCALING.get(text.lower())
    if exponent is None:
        return None
    return read_limit(Metric.SCALING_EXPONENT, exponent, Problems(), bare_numbers=True)


def _figures(
    columns: Sequence[Column], full: Sequence[Column], cells: Sequence[str]
) -> Iterator[Figure]:
    """Give out the target and the threshold, or the one figure that is both."""
    unit = next((column.unit for column in columns if column.unit), "")
    for column in full:
        text = cells[column.index]
        try:
            yield read_figure(text, column.unit or unit)
        except UnreadableCellError:
            if len(columns) > 1 or not _is_pair(text, unit):
                raise
            yield from read_pair(text, unit)


def _is_pair(text: str, unit: str) -> bool:
    try:
        read_pair(text, unit)
    except UnreadableCellError:
        return False
    return True


def _limits(
    figures: Sequence[Figure], columns: Sequence[Column], around: RowContext
) -> Iterator[Limit]:
    headers = [column.header for column in columns]
    meanings = [_meaning(figure, headers, around) for figure in figures]
    statistics = {statistic for _, statistic in meanings if statistic}
    if len({metric for metric, _ in meanings}) == 1 and len(statistics) <= 1:
        yield _limit(meanings[0][0], next(iter(statistics), None), figures, headers)
        return
    for figure, (metric, statistic) in zip(figures, meanings, strict=True):
        yield _limit(metric, statistic, [figure], headers)


def _meaning(
    figure: Figure, headers: Sequence[str], around: RowContext
) -> tuple[Metric, Statistic | None]:
    near = (f"{figure.unit_text} {figure.words}", *headers, *around.qualifiers, around.title)
    metric = _metric(figure.unit, near, around.section)
    if metric is None:
        raise UnreadableCellError("no metric of perfkit's fits it")
    if metric.usual_statistic not in _WHOLE_WINDOW:
        return metric, figure.statistic or _statistic(headers, around)
    if figure.statistic not in {None, Statistic.MEAN}:
        raise UnreadableCellError(f"{metric} has no {figure.statistic}")
    return metric, None


def _metric(unit: Unit, near: Sequence[str], section: str) -> Metric | None:
    """Return what a figure measures by its unit and the words around it, the nearest first."""
    hints = METRIC_HINTS.get(unit, ())
    for text in near:
        for hint in hints:
            if hint.metric and mentions(text, hint.words):
                return hint.metric
    for hint in hints:
        if hint.metric and not hint.near and mentions(section, hint.words):
            return hint.metric
    is_foreign = any(
        hint.metric is None and mentions(text, hint.words)
        for hint in hints
        for text in (*near, section)
    )
    return None if is_foreign else USUAL_METRICS.get(unit)


def _statistic(headers: Sequence[str], around: RowContext) -> Statistic | None:
    texts = [(text, True) for text in (*headers, *around.qualifiers)]
    texts += [(text, False) for text in (around.title, around.section)]
    for text, words in texts:
        statistic, _ = read_statistic(text, words=words)
        if statistic:
            return statistic
    return None


def _limit(
    metric: Metric, statistic: Statistic | None, figures: Sequence[Figure], headers: Sequence[str]
) -> Limit:
    directions = {figure.direction for figure in figures if figure.direction}
    if len(directions) > 1:
        raise UnreadableCellError("target and threshold are on different sides")
    direction = next(iter(directions), None)
    if len(figures) == 1 and direction is None:
        direction, _ = read_direction(" ".join(headers))
    parts = {
        "target": figures[0].value,
        "threshold": figures[-1].value,
        "direction": direction,
        "statistic": statistic,
    }
    problems = Problems()
    given = {key: value for key, value in parts.items() if value is not None}
    limit = read_limit(metric, given, problems, bare_numbers=True)
    if limit is None:
        raise UnreadableCellError("; ".join(problem.message for problem in problems.found))
    return limit


_WHOLE_WINDOW: Final = {Statistic.RATE, Statistic.RATIO}
