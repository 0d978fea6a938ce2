"""What a row is, and what it can be held to."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Kind(Enum):
    """What a row measures."""

    CALL = "call"
    IMPORT = "import"
    MEMORY = "memory"


class Measure(Enum):
    """How a row is put beside its yardstick; the last two are of the row itself."""

    RATIO = "ratio"
    """Its CPU time by that of the yardstick."""
    EXTRA = "extra"
    """The nanoseconds of CPU time that it takes beside the yardstick."""
    GROWTH = "growth"
    """The megabytes by which the process grows."""
    CORE_SHARE = "core_share"
    """The share of one core that it takes at one call a second."""

    @property
    def needs_yardstick(self) -> bool:
        """Whether it means something only beside another row."""
        return self in {Measure.RATIO, Measure.EXTRA}


@frozen
class Promise:
    """What a row has to reach.

    Args:
        yardstick: The key of the row to compare with; empty where the figure itself counts.
        must: The most that the figure may be, in the unit of `measure`; None for no promise.
        aim: What we would like it to be; None likewise.
        measure: Which figure that is.
    """

    yardstick: str
    must: float | None = None
    aim: float | None = None
    measure: Measure = Measure.RATIO


@frozen
class Row:
    """One row.

    Args:
        key: Its name in JSON, and for promises.
        title: Its name for people.
        source: Where it comes from: ``module:function`` that makes a `Case`, for memory that makes
            the calls of one round; for imports the statement.
        does: One sentence on what it does.
        promises: What it has to reach.
        needs: A module that has to be installed for it.
        kind: What it measures.
    """

    key: str
    title: str
    source: str
    does: str
    promises: tuple[Promise, ...] = ()
    needs: str = ""
    kind: Kind = Kind.CALL
