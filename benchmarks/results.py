"""Compute the results from the measured times, and compare them with the bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from itertools import starmap
from operator import sub, truediv
from statistics import median
from typing import Final

from attrs import frozen

from benchmarks.forms import ROWS
from benchmarks.row import Comparison, Measure, Row
from benchmarks.running import Series


class Exit(IntEnum):
    """The exit code; argparse exits with 2 for wrong arguments."""

    WITHIN_BOUNDS = 0
    EXCEEDED = 1
    NOT_MEASURED = 3


REFERENCE_FLOOR_NS: Final = 332.0
"""The CPU time of the row "floor" on the machine of docs/performance.md."""


@frozen
class Evaluation:
    """The result of one comparison.

    Args:
        comparison: The comparison.
        result: The median over all rounds, in the unit of the measure, where each round is compared
            with the same round of the baseline. None if it was not measured.
        wall_result: The same with wall time instead of CPU time; None for measures without it.
        tolerance: The factor for the bound.
    """

    comparison: Comparison
    result: float | None = None
    wall_result: float | None = None
    tolerance: float = 1.0

    @property
    def within_bound(self) -> bool | None:
        """Whether the result is within its bound; None without a bound or a result."""
        if self.comparison.bound is None or self.result is None:
            return None
        return self.result <= self.comparison.bound * self.tolerance


@frozen
class RowResult:
    """One row with its results.

    Args:
        row: The row.
        series: The measured times; None if the library is not installed.
        evaluations: The evaluation of each comparison of the row, in the same order.
    """

    row: Row
    series: Series | None
    evaluations: tuple[Evaluation, ...]


def evaluate_all(
    measured: Mapping[str, Series], tolerance: float = 1.0, rows: Sequence[Row] = ROWS
) -> list[RowResult]:
    """Return a result for each of `rows`, also for those that were not measured."""
    return [
        RowResult(
            row,
            measured.get(row.key),
            tuple(
                _evaluate(row, comparison, measured, tolerance) for comparison in row.comparisons
            ),
        )
        for row in rows
    ]


def _evaluate(
    row: Row, comparison: Comparison, measured: Mapping[str, Series], tolerance: float
) -> Evaluation:
    # The short form runs on any machine, and most bounds are ratios. Those of time are for the
    # machine of docs/performance.md: on a slower one they are longer by the ratio of a closure
    # with two clock reads, measured in the same rounds.
    if tolerance > 1 and comparison.measure.is_time and "floor" in measured:
        tolerance *= max(1.0, median(measured["floor"].cpu_ns) / REFERENCE_FLOOR_NS)
    own, other = measured.get(row.key), measured.get(comparison.baseline)
    if own is None or (comparison.measure.needs_baseline and other is None):
        return Evaluation(comparison, tolerance=tolerance)
    if comparison.measure is Measure.GROWTH:
        return Evaluation(comparison, median(own.grown_bytes) / 1e6, tolerance=tolerance)
    if comparison.measure is Measure.CORE_SHARE:
        return Evaluation(comparison, median(own.cpu_ns) / 1e9, tolerance=tolerance)
    assert other is not None  # noqa: S101 - checked above
    compare = _COMPARE[comparison.measure]
    return Evaluation(
        comparison,
        compare(own.cpu_ns, other.cpu_ns),
        compare(own.wall_ns, other.wall_ns),
        tolerance,
    )


def ratio_of(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the ratios of each round, so that a disturbance of a round cancels out.

    Raises:
        ValueError: If the numbers of rounds differ or are 0.
    """
    return _median_of(truediv, own, other)


def extra_of(own: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the differences of each round; raise as `ratio_of` does."""
    return _median_of(sub, own, other)


def _median_of(
    compare: Callable[[float, float], float], own: Sequence[float], other: Sequence[float]
) -> float:
    if not own:
        raise ValueError("no round was measured")
    return float(median(starmap(compare, zip(own, other, strict=True))))


_COMPARE: Final = {Measure.RATIO: ratio_of, Measure.EXTRA: extra_of}


def exit_code(results: Sequence[RowResult]) -> Exit:
    """Return the exit code; a result with a bound that was not measured never counts as a pass."""
    within = [
        evaluation.within_bound
        for result in results
        for evaluation in result.evaluations
        if evaluation.comparison.bound is not None
    ]
    if False in within:
        return Exit.EXCEEDED
    return Exit.NOT_MEASURED if None in within else Exit.WITHIN_BOUNDS
