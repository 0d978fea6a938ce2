"""Understand one column of a table: names, targets, thresholds, flags or something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Final

from attrs import evolve, frozen

from perfkit.document.cells import (
    Figure,
    UnreadableCellError,
    is_empty,
    read_figure,
    read_flag,
    read_pair,
    read_unit,
)
from perfkit.document.markdown import Table
from perfkit.document.vocabulary import (
    CATEGORY_WORDS,
    FLAG_WORDS,
    NOTE_WORDS,
    OBSERVED_WORDS,
    PROMISE_WORDS,
    QUALIFIER_WORDS,
    SCALING,
    SCALING_HEADINGS,
    TARGET_WORDS,
    THRESHOLD_WORDS,
    mentions,
)
from perfkit.units import Unit


class Kind(Enum):
    """What the cells of a column look like."""

    EMPTY = auto()
    FLAGS = auto()
    SCALING = auto()
    FIGURES = auto()
    TEXT = auto()


class Role(Enum):
    """What a column is for."""

    NAME = auto()
    CATEGORY = auto()
    QUALIFIER = auto()
    CRITICAL = auto()
    TARGET = auto()
    THRESHOLD = auto()
    LIMIT = auto()
    SCALING = auto()
    NOTES = auto()
    OBSERVED = auto()
    EMPTY = auto()
    OTHER = auto()


@frozen(kw_only=True)
class Column:
    """One column of a table.

    Args:
        index: Place in the table, from 0.
        header: Text of its header.
        kind: What its cells look like.
        unit: The unit that the header gives to bare numbers; empty if it gives none.
        units: Base units of the figures in its cells.
        is_compared: Whether some cell says which side is good.
        role: What it is for.
    """

    index: int
    header: str
    kind: Kind
    unit: str
    units: frozenset[Unit]
    is_compared: bool
    role: Role = Role.OTHER


def read_column(table: Table, index: int) -> Column:
    """Look at one column by itself: its header, and its cells together."""
    header = table.header[index].text
    cells = [row[index].text for row in table.rows]
    unit = read_unit(header)
    figures = figures_in(cells, unit)
    units = frozenset(figure.unit for figure in figures if figure.unit_text)
    column = Column(
        index=index,
        header=header,
        kind=_kind_of(header, cells, len(figures)),
        unit=unit,
        units=units,
        is_compared=any(figure.direction for figure in figures),
    )
    return evolve(column, role=_role_of(column))


def _kind_of(header: str, cells: Sequence[str], figures: int) -> Kind:
    """Tell what the cells look like; a header that fits makes one or half of them enough."""
    full = [cell for cell in cells if not is_empty(cell)]
    flags = sum(read_flag(cell) is not None for cell in full)
    if full and flags >= len(full) / (2 if mentions(header, FLAG_WORDS) else 1):
        return Kind.FLAGS
    if full and all(cell.lower() in SCALING for cell in full):
        return Kind.SCALING
    enough = 1 if mentions(header, PROMISE_WORDS) else len(full) / 2
    if figures and figures >= enough:
        return Kind.FIGURES
    return Kind.TEXT if full else Kind.EMPTY


def figures_in(cells: Iterable[str], unit: str) -> list[Figure]:
    """Read what can be read; of two figures in one cell only the second."""
    figures = []
    for cell in cells:
        for read in (read_figure, _read_second):
            try:
                figures.append(read(cell, unit))
                break
            except UnreadableCellError:
                continue
    return figures


def _read_second(cell: str, unit: str) -> Figure:
    return read_pair(cell, unit)[1]


def _role_of(column: Column) -> Role:
    if column.kind is Kind.FIGURES and all(
        mentions(column.header, words) for words in (TARGET_WORDS, THRESHOLD_WORDS)
    ):
        return Role.LIMIT
    for role, words, kinds in _ROLES:
        if column.kind in kinds and (not words or mentions(column.header, words)):
            return role
    return Role.OTHER


_ALL_KINDS: Final = tuple(Kind)
_ROLES: Final[tuple[tuple[Role, tuple[str, ...], tuple[Kind, ...]], ...]] = (
    (Role.EMPTY, (), (Kind.EMPTY,)),
    (Role.CRITICAL, FLAG_WORDS, (Kind.FLAGS,)),
    (Role.SCALING, SCALING_HEADINGS, (Kind.SCALING,)),
    (Role.NOTES, NOTE_WORDS, _ALL_KINDS),
    (Role.OBSERVED, OBSERVED_WORDS, (Kind.FIGURES,)),
    (Role.TARGET, TARGET_WORDS, (Kind.FIGURES,)),
    (Role.THRESHOLD, THRESHOLD_WORDS, (Kind.FIGURES,)),
    (Role.CATEGORY, CATEGORY_WORDS, (Kind.TEXT,)),
    (Role.QUALIFIER, QUALIFIER_WORDS, (Kind.TEXT,)),
)
