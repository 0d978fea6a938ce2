"""Understand the shape of a table: which column holds names, targets, thresholds, flags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from typing import Final

from attrs import evolve, frozen

from perfkit.catalog.cells import (
    Figure,
    UnreadableCellError,
    is_empty,
    read_figure,
    read_flag,
    read_pair,
    read_unit,
)
from perfkit.catalog.markdown import Cell, Table
from perfkit.catalog.vocabulary import (
    CATEGORY_WORDS,
    FILLERS,
    FLAG_WORDS,
    NAME_WORDS,
    NOTE_WORDS,
    OBSERVED_WORDS,
    QUALIFIER_WORDS,
    SCALING,
    SCALING_HEADINGS,
    TARGET_WORDS,
    THRESHOLD_WORDS,
    mentions,
    plain,
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


@frozen(kw_only=True)
class Line:
    """The columns that make one limit.

    Args:
        target: Where the target stands; None where the threshold's column has all there is.
        threshold: Where the threshold stands, or target and threshold in one cell.
    """

    target: Column | None
    threshold: Column


@frozen(kw_only=True)
class Shape:
    """What each column of a table is for.

    Args:
        name: The column of names.
        lines: The columns that make limits; at least one.
        columns: All columns, with their roles.
    """

    name: Column
    lines: tuple[Line, ...]
    columns: tuple[Column, ...]

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """Return the columns that have `role`."""
        return tuple(column for column in self.columns if column.role is role)


def shape_of(table: Table) -> Shape | None:
    """Find out what each column is for; None if nothing in the table reads as a promise."""
    columns = [_read_column(table, index) for index in range(len(table.header))]
    name = _name_column(columns)
    if name is None:
        return None
    columns[name.index] = name
    promises = {Role.TARGET, Role.THRESHOLD, Role.LIMIT}
    columns = [_as_limit(column) if column.is_compared else column for column in columns]
    if not any(column.role in promises for column in columns) and _promises(table):
        columns = [_as_limit(column) if column.units else column for column in columns]
    lines = tuple(_pair_up(columns))
    return Shape(name=name, lines=lines, columns=tuple(columns)) if lines else None


def upright(table: Table) -> Table:
    """Return the table with names in rows: turned over if "target" and "threshold" are rows."""
    targets = [row for row in table.rows if mentions(row[0].text, TARGET_WORDS)]
    thresholds = [row for row in table.rows if mentions(row[0].text, THRESHOLD_WORDS)]
    if not targets or not thresholds or _promises_in(table.header):
        return table
    if not _figures((cell.text for cell in targets[0][1:]), ""):
        return table
    turned = tuple(zip(table.header, *table.rows, strict=True))
    return evolve(table, header=turned[0], rows=turned[1:])


def _read_column(table: Table, index: int) -> Column:
    header = table.header[index].text
    cells = [row[index].text for row in table.rows]
    unit = read_unit(header)
    figures = _figures(cells, unit)
    units = frozenset(figure.unit for figure in figures if figure.unit_text)
    column = Column(
        index=index,
        header=header,
        kind=_kind_of(cells, len(figures), is_named=mentions(header, _PROMISE_WORDS)),
        unit=unit,
        units=units,
        is_compared=any(figure.direction for figure in figures),
    )
    return evolve(column, role=_role_of(column))


def _kind_of(cells: Sequence[str], figures: int, *, is_named: bool) -> Kind:
    full = [cell for cell in cells if not is_empty(cell)]
    if full and all(read_flag(cell) is not None for cell in cells):
        return Kind.FLAGS
    if full and all(cell.lower() in SCALING for cell in full):
        return Kind.SCALING
    enough = 1 if is_named else len(full) / 2
    if figures and figures >= enough:
        return Kind.FIGURES
    return Kind.TEXT if full else Kind.EMPTY


def _figures(cells: Iterable[str], unit: str) -> list[Figure]:
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


def _name_column(columns: Sequence[Column]) -> Column | None:
    for is_right in _NAME_CHOICES:
        for column in columns:
            if is_right(column):
                return evolve(column, role=Role.NAME)
    return None


def _as_limit(column: Column) -> Column:
    is_free = column.role is Role.OTHER and column.kind is Kind.FIGURES
    return evolve(column, role=Role.LIMIT) if is_free else column


def _promises(table: Table) -> bool:
    """Tell whether the words around a table say that its figures are promises."""
    is_in_section = any(mentions(text, _PROMISE_WORDS) for text in table.sections[-1:])
    return is_in_section or _promises_in(table.header)


def _promises_in(cells: Iterable[Cell]) -> bool:
    return any(mentions(cell.text, _PROMISE_WORDS) for cell in cells)


def _pair_up(columns: Sequence[Column]) -> list[Line]:
    """Give each target its threshold; what stays alone makes a limit by itself."""
    thresholds = [column for column in columns if column.role is Role.THRESHOLD]
    lines = []
    for target in (column for column in columns if column.role is Role.TARGET):
        partner = min(
            (column for column in thresholds if _belongs(target, column)),
            key=lambda column: _distance(target, column),
            default=None,
        )
        if partner:
            thresholds.remove(partner)
            lines.append(Line(target=target, threshold=partner))
        else:
            lines.append(Line(target=None, threshold=target))
    singles = (*thresholds, *(column for column in columns if column.role is Role.LIMIT))
    lines += [Line(target=None, threshold=column) for column in singles]
    return sorted(lines, key=lambda line: (line.target or line.threshold).index)


def _belongs(target: Column, threshold: Column) -> bool:
    subjects = {_subject(target), _subject(threshold)} - {()}
    is_one_unit = not target.units or not threshold.units or target.units & threshold.units
    return bool(is_one_unit) and len(subjects) <= 1


def _distance(target: Column, threshold: Column) -> tuple[bool, int, int]:
    strength = next(
        (rank for rank, word in enumerate(THRESHOLD_WORDS) if mentions(threshold.header, (word,))),
        len(THRESHOLD_WORDS),
    )
    is_other = _subject(target) != _subject(threshold)
    return is_other, strength, abs(threshold.index - target.index)


def _subject(column: Column) -> tuple[str, ...]:
    """Return the words of a header that say what it is about, rather than what it is for."""
    header = f" {column.header} ".replace(f" {column.unit} ", " ")
    return tuple(word for word in plain(header).split() if word not in _ROLE_WORDS)


_PROMISE_WORDS: Final = (*TARGET_WORDS, *THRESHOLD_WORDS)
_ROLE_WORDS: Final = frozenset(
    word for phrase in (*_PROMISE_WORDS, *FILLERS) for word in phrase.split()
)
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
_NAME_CHOICES: Final[tuple[Callable[[Column], bool], ...]] = (
    lambda column: (
        column.kind is Kind.TEXT
        and column.role in {Role.OTHER, Role.QUALIFIER}
        and mentions(column.header, NAME_WORDS)
    ),
    lambda column: column.role in {Role.OTHER, Role.QUALIFIER} and not column.is_compared,
    lambda column: column.kind is Kind.TEXT,
)
