"""Convert the values in one row of a table to limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from perfkit.catalog.limits import read_limit
from perfkit.catalog.problems import Problems
from perfkit.document.cells import (
    CellValue,
    UnreadableCellError,
    is_empty,
    read_direction,
    read_pair,
    read_statistic,
    read_value,
)
from perfkit.document.columns import Column
from perfkit.document.table_layout import LimitColumns
from perfkit.document.vocabulary import METRIC_HINTS, SCALING, USUAL_METRICS, mentions
from perfkit.model import Limit, Metric, Statistic
from perfkit.units import Unit


@frozen(kw_only=True)
class RowContext:
    """The words around the values of a row, from which their metric is inferred.

    `qualifiers` are the cells of the row that name a metric or a statistic.
    """

    qualifiers: tuple[str, ...]
    title: str
    section: str


@frozen(kw_only=True)
class RowReading:
    """The limits in the cells of one row, and the cells that could not be parsed in full.

    `unread` has the columns whose cell is not, or not in full, in a limit, with the reason;
    `assumed` is a remark on a guess that the row does not confirm.
    """

    limits: tuple[Limit, ...] = ()
    unread: tuple[tuple[Column, str], ...] = ()
    assumed: str = ""


def read_limit_columns(
    limit: LimitColumns, cells: Sequence[str], context: RowContext
) -> RowReading:
    """Parse the cells of one row that make one limit, or two on different metrics or statistics."""
    columns = [column for column in (limit.target, limit.threshold) if column]
    full = [column for column in columns if not is_empty(cells[column.index])]
    if not full:
        return RowReading()
    try:
        values = list(_values(columns, full, cells))
        limits = tuple(_limits(values, columns, context))
    except UnreadableCellError as error:
        return RowReading(unread=tuple((column, str(error)) for column in full))
    unread = [
        (column, f'"{value.unknown}" has no meaning here')
        for column, value in zip(full, values, strict=False)
        if value.unknown
    ]
    # A cell with a value and an unknown word is both a limit and a note, so no text is lost.
    is_half = limit.target in full and limit.threshold not in full
    assumed = "no threshold beside it; the target is taken for both" if is_half else ""
    return RowReading(limits=limits, unread=tuple(unread), assumed=assumed)


def read_scaling(text: str) -> Limit | None:
    """Parse a growth of cost with size such as ``"Linear"``; None if the cell has none."""
    exponent = SCALING.get(text.lower())
    if exponent is None:
        return None
    return read_limit(Metric.SCALING_EXPONENT, exponent, Problems(in_code=True))


def _values(
    columns: Sequence[Column], full: Sequence[Column], cells: Sequence[str]
) -> Iterator[CellValue]:
    """Yield the target and the threshold, or the one value that is both."""
    unit = next((column.unit for column in columns if column.unit), "")
    for column in full:
        text = cells[column.index]
        try:
            yield read_value(text, column.unit or unit)
        except UnreadableCellError as error:
            if len(columns) > 1:
                raise
            try:
                yield from read_pair(text, unit)
            except UnreadableCellError:
                # The reason why it is not one value is more useful than "not two values".
                raise error from None


def _limits(
    values: Sequence[CellValue], columns: Sequence[Column], context: RowContext
) -> Iterator[Limit]:
    headers = [column.header for column in columns]
    meanings = [_meaning(value, headers, context) for value in values]
    statistics = {statistic for _, statistic in meanings if statistic}
    if len({metric for metric, _ in meanings}) == 1 and len(statistics) <= 1:
        yield _limit(meanings[0][0], next(iter(statistics), None), values, headers)
        return
    for value, (metric, statistic) in zip(values, meanings, strict=True):
        yield _limit(metric, statistic, [value], headers)


def _meaning(
    value: CellValue, headers: Sequence[str], context: RowContext
) -> tuple[Metric, Statistic | None]:
    near = (f"{value.unit_text} {value.words}", *headers, *context.qualifiers, context.title)
    metric = _metric(value.unit, near, context.section)
    if metric is None:
        raise UnreadableCellError("no metric of perfkit fits it")
    if metric.default_statistic not in _WHOLE_WINDOW:
        return metric, value.statistic or _statistic(headers, context)
    if value.statistic not in {None, Statistic.MEAN}:
        raise UnreadableCellError(f"{metric} has no {value.statistic}")
    return metric, None


# The nearest words win: a row "Memory reads" in a section "CPU" is about reads. The heading of a
# section names many things, so hints that are common words do not count there.
def _metric(unit: Unit, near: Sequence[str], section: str) -> Metric | None:
    """Return the metric of a value by its unit, then by the nearest words; None if none fits."""
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


def _statistic(headers: Sequence[str], context: RowContext) -> Statistic | None:
    texts = [(text, True) for text in (*headers, *context.qualifiers)]
    texts += [(text, False) for text in (context.title, context.section)]
    for text, words in texts:
        statistic, _ = read_statistic(text, words=words)
        if statistic:
            return statistic
    return None


def _limit(
    metric: Metric, statistic: Statistic | None, values: Sequence[CellValue], headers: Sequence[str]
) -> Limit:
    directions = {value.direction for value in values if value.direction}
    if len(directions) > 1:
        raise UnreadableCellError("target and threshold are on different sides")
    direction = next(iter(directions), None)
    if len(values) == 1 and direction is None:
        direction, _ = read_direction(" ".join(headers))
    parts = {
        "target": values[0].value,
        "threshold": values[-1].value,
        "direction": direction,
        "statistic": statistic,
    }
    problems = Problems(in_code=True)
    given = {key: value for key, value in parts.items() if value is not None}
    limit = read_limit(metric, given, problems)
    if limit is None:
        raise UnreadableCellError("; ".join(problem.message for problem in problems.found))
    return limit


_WHOLE_WINDOW: Final = {Statistic.RATE, Statistic.RATIO}
