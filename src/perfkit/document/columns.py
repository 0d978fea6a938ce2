"""Classify one column of a table: names, targets, thresholds, flags or another role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Final

from attrs import evolve, frozen

from perfkit.document.cells import (
    CellValue,
    UnreadableCellError,
    is_empty,
    read_flag,
    read_pair,
    read_unit,
    read_value,
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
    """The form of a column's cells."""

    EMPTY = auto()
    FLAGS = auto()
    SCALING = auto()
    VALUES = auto()
    TEXT = auto()


class Role(Enum):
    """The purpose of a column."""

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
        index: Position in the table, from 0.
        header: Text of its header.
        kind: The form of its cells.
        unit: The unit of bare numbers by the header; empty if the header has none.
        units: Base units of the values in its cells.
        is_compared: Whether a cell has a comparator, or words for one.
        role: Its purpose.
    """

    index: int
    header: str
    kind: Kind
    unit: str
    units: frozenset[Unit]
    is_compared: bool
    role: Role = Role.OTHER


def read_column(table: Table, index: int) -> Column:
    """Classify the column at `index` by its header and its cells."""
    header = table.header[index].text
    cells = [row[index].text for row in table.rows]
    unit = read_unit(header)
    values = values_in(cells, unit)
    units = frozenset(value.unit for value in values if value.unit_text)
    column = Column(
        index=index,
        header=header,
        kind=_kind_of(header, cells, len(values)),
        unit=unit,
        units=units,
        is_compared=any(value.direction for value in values),
    )
    return evolve(column, role=_role_of(column))


def _kind_of(header: str, cells: Sequence[str], values: int) -> Kind:
    """Return the form of the cells; with a fitting header one cell, or half of them, is enough."""
    full = [cell for cell in cells if not is_empty(cell)]
    flags = sum(read_flag(cell) is not None for cell in full)
    if full and flags >= len(full) / (2 if mentions(header, FLAG_WORDS) else 1):
        return Kind.FLAGS
    if full and all(cell.lower() in SCALING for cell in full):
        return Kind.SCALING
    enough = 1 if mentions(header, PROMISE_WORDS) else len(full) / 2
    if values and values >= enough:
        return Kind.VALUES
    return Kind.TEXT if full else Kind.EMPTY


def values_in(cells: Iterable[str], unit: str) -> list[CellValue]:
    """Return the value of each cell that has one; of a pair only the second."""
    values = []
    for cell in cells:
        try:
            values.append(read_value(cell, unit))
        except UnreadableCellError:
            with suppress(UnreadableCellError):
                values.append(read_pair(cell, unit)[1])
    return values


def _role_of(column: Column) -> Role:
    if column.kind is Kind.VALUES and all(
        mentions(column.header, words) for words in (TARGET_WORDS, THRESHOLD_WORDS)
    ):
        return Role.LIMIT
    for role, words, kinds in _ROLES:
        if column.kind in kinds and (not words or mentions(column.header, words)):
            return role
    return Role.OTHER


_ALL_KINDS: Final = tuple(Kind)
# The first row that fits wins. Notes and observations precede the limits: a column "Actual max"
# contains no targets.
_ROLES: Final[tuple[tuple[Role, tuple[str, ...], tuple[Kind, ...]], ...]] = (
    (Role.EMPTY, (), (Kind.EMPTY,)),
    (Role.CRITICAL, FLAG_WORDS, (Kind.FLAGS,)),
    (Role.SCALING, SCALING_HEADINGS, (Kind.SCALING,)),
    (Role.NOTES, NOTE_WORDS, _ALL_KINDS),
    (Role.OBSERVED, OBSERVED_WORDS, (Kind.VALUES,)),
    (Role.TARGET, TARGET_WORDS, (Kind.VALUES,)),
    (Role.THRESHOLD, THRESHOLD_WORDS, (Kind.VALUES,)),
    (Role.CATEGORY, CATEGORY_WORDS, (Kind.TEXT,)),
    (Role.QUALIFIER, QUALIFIER_WORDS, (Kind.TEXT,)),
)
