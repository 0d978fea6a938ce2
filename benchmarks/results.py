"""From what was measured to what holds: figures in, figures out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from itertools import starmap
from operator import sub, truediv
from statistics import median
from typing import Final

from attrs import frozen

from benchmarks.figures import ROWS
from benchmarks.row import Measure, Promise, Row
from benchmarks.running import Series


class Exit(IntEnum):
    """What the process ends with. 2 is for wrong arguments."""

    HOLDS = 0
    BROKEN = 1
    NOT_MEASURED = 3


@frozen
class Judged:
    """How one promise stands.

    Args:
        promise: The promise.
        figure: In the unit of the promise's measure: the median over all rounds, each compared with
            the yardstick's same round. None where it was not measured.
        wall_figure: The same of wall time rather than CPU time; None where that says nothing.
        tolerance: What `must` is multiplied by.
    """

    promise: Promise
    figure: float | None = None
    wall_figure: float | None = None
    tolerance: float = 1.0

    @property
    def holds(self) -> bool | None:
        """Whether the must is kept; None where there is none, or nothing was measured."""
        if self.promise.must is None or self.figure is None:
            return None
        return self.figure <= self.promise.must * self.tolerance


@frozen
class Result:
    """One row with its figures.

    Args:
        row: The row.
        series: What was measured; None where the library is not installed.
        judged: Its promises, in the same order.
    """

    row: Row
    series: Series | None
    judged: tuple[Judged, ...]


def judge_all(
    measured: Mapping[str, Series], tolerance: float = 1.0, rows: Sequence[Row] = ROWS
) -> list[Result]:
    """Return a result for each of `rows`, measured or not."""
    return [
        Result(
            row,
            measured.get(row.key),
            tuple(_judge(row, promise, measured, tolerance) for promise in row.promises),
        )
        for row in rows
    ]


def _judge(row: Row, promise: Promise, measured: Mapping[str, Series], tolerance: float) -> Judged:
    own, other = measured.get(row.key), measured.get(promise.yardstick)
    if own is None or (promise.measure.needs_yardstick and other is None):
        return Judged(promise, tolerance=tolerance)
    if promise.measure is Measure.GROWTH:
        return Judged(promise, median(own.grown_bytes) / 1e6, tolerance=tolerance)
    if promise.measure is Measure.CORE_SHARE:
        return Judged(promise, median(own.cpu_ns) / 1e9, tolerance=tolerance)
    assert other is not None  # noqa: S101 - looked at above
    compare = _COMPARE[promise.measure]
    return Judged(
        promise,
        compare(own.cpu_ns, other.cpu_ns),
        compare(own.wall_ns, other.wall_ns),
        tolerance,
    )


def ratio_of(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the ratios of each round, so that what disturbs a whole round cancels.

    Raises:
        ValueError: If there are not as many of the one as of the other, or none.
    """
    return _median_of(truediv, own, other)


def extra_of(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the differences of each round. Errors are as for `ratio_of`."""
    return _median_of(sub, own, other)


def _median_of(
    compare: Callable[[float, float], float], own: Sequence[float], other: Sequence[float]
) -> float:
    if not own:
        raise ValueError("no round was measured")
    return float(median(starmap(compare, zip(own, other, strict=True))))


_COMPARE: Final = {Measure.RATIO: ratio_of, Measure.EXTRA: extra_of}


def exit_code(results: Sequence[Result]) -> Exit:
    """Return what to end with; a must that was not measured is not taken for one that holds."""
    held = [
        judged.holds
        for result in results
        for judged in result.judged
        if judged.promise.must is not None
    ]
    if False in held:
        return Exit.BROKEN
    return Exit.NOT_MEASURED if None in held else Exit.HOLDS
