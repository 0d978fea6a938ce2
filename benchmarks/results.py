"""From what was measured to what holds: figures in, figures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import starmap
from operator import truediv
from statistics import median

from attrs import frozen

from benchmarks.figures import ROWS, Kind, Promise, Row
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
        ratio: The median over all rounds of CPU time by the yardstick's in the same round; for
            memory the growth in megabytes. None where it was not measured.
        wall_ratio: The same of wall time.
        tolerance: What `must` is multiplied by.
    """

    promise: Promise
    ratio: float | None = None
    wall_ratio: float | None = None
    tolerance: float = 1.0

    @property
    def holds(self) -> bool | None:
        """Whether the must is kept; None where there is none, or nothing was measured."""
        if self.promise.must is None or self.ratio is None:
            return None
        return self.ratio <= self.promise.must * self.tolerance


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
    if own is not None and row.kind is Kind.MEMORY:
        return Judged(promise, median(own.grown_bytes) / 1e6, None, tolerance)
    if own is None or other is None:
        return Judged(promise, None, None, tolerance)
    return Judged(
        promise,
        ratio_of(own.cpu_ns, other.cpu_ns),
        ratio_of(own.wall_ns, other.wall_ns),
        tolerance,
    )


def ratio_of(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the ratios of each round, so that what disturbs a whole round cancels.

    Raises:
        ValueError: If there are not as many of the one as of the other, or none.
    """
    if not own:
        raise ValueError("no round was measured")
    return float(median(starmap(truediv, zip(own, other, strict=True))))


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
