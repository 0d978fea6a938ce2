"""Rows of the overhead benchmark, and their comparisons with a baseline."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Kind(Enum):
    """The subject of a row."""

    CALL = "call"
    IMPORT = "import"
    MEMORY = "memory"


class Measure(Enum):
    """The measure of a comparison; the last two need no baseline."""

    RATIO = "ratio"
    """The CPU time divided by that of the baseline."""
    EXTRA = "extra"
    """The CPU time less that of the baseline, in nanoseconds."""
    GROWTH = "growth"
    """The memory growth of the process, in megabytes."""
    CORE_SHARE = "core_share"
    """The share of one core at one call per second."""

    @property
    def needs_baseline(self) -> bool:
        """Whether the measure compares two rows."""
        return self in {Measure.RATIO, Measure.EXTRA}

    @property
    def is_time(self) -> bool:
        """Whether the result is a CPU time, which is longer on a slower machine."""
        return self in {Measure.EXTRA, Measure.CORE_SHARE}


@frozen
class Comparison:
    """A comparison of a row with its baseline, and with a bound and a goal.

    Args:
        baseline: The key of the other row; empty for a measure of the row itself.
        bound: The maximum of the result, in the unit of `measure`; None without a bound.
        goal: The desired result, in the same unit; None without a goal.
        measure: The measure.
    """

    baseline: str
    bound: float | None = None
    goal: float | None = None
    measure: Measure = Measure.RATIO


@frozen
class Row:
    """One row.

    Args:
        key: The name of the row in JSON and in comparisons.
        title: The name of the row in tables.
        source: For calls, ``module:function`` that returns a `Case`; for memory, one that returns a
            function that makes the calls; for imports, the statement.
        description: One sentence that describes the measured code.
        comparisons: The comparisons of the row.
        needs: A module that the row requires.
        kind: The subject of the row.
    """

    key: str
    title: str
    source: str
    description: str
    comparisons: tuple[Comparison, ...] = ()
    needs: str = ""
    kind: Kind = Kind.CALL
