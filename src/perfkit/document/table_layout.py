"""Find the columns of a table that make limits, and pair targets with thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from attrs import evolve, frozen

from perfkit.document.columns import Column, Kind, Role, read_column, values_in
from perfkit.document.markdown import Cell, Table
from perfkit.document.vocabulary import (
    FILLERS,
    NAME_WORDS,
    PROMISE_WORDS,
    TARGET_WORDS,
    THRESHOLD_WORDS,
    mentions,
    plain,
)
from perfkit.model import Direction


@frozen(kw_only=True)
class LimitColumns:
    """The columns that make one limit; without a target, `threshold` has both.

    `assumed` is a remark on a guess that the headers do not confirm.
    """

    target: Column | None
    threshold: Column
    assumed: str = ""


@frozen(kw_only=True)
class TableLayout:
    """The roles of the columns of a table; at least one makes a limit."""

    name: Column
    limits: tuple[LimitColumns, ...]
    columns: tuple[Column, ...]

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """Return the columns that have `role`."""
        return tuple(column for column in self.columns if column.role is role)


def layout_of(table: Table) -> TableLayout | None:
    """Return the roles of all columns; None if no column has limits."""
    # Comparators are stronger evidence of limits than words, so they are tried first. The words of
    # a heading or header alone make limits only of values with units: a bare number may be a count.
    columns = [read_column(table, index) for index in range(len(table.header))]
    name = _name_column(columns)
    if name is None:
        return None
    columns[name.index] = name
    columns = [_as_limit(column) if column.is_compared else column for column in columns]
    if not any(column.role in _PROMISES for column in columns) and _promises(table):
        columns = [_as_limit(column) if column.units else column for column in columns]
    limits = tuple(_pair_by_cells(columns, table) or _pair_up(columns))
    return TableLayout(name=name, limits=limits, columns=tuple(columns)) if limits else None


def transpose_if_needed(table: Table) -> Table:
    """Return the table with one name a row: transposed if "target" and "threshold" are rows."""
    targets = [row for row in table.rows if mentions(row[0].text, TARGET_WORDS)]
    thresholds = [row for row in table.rows if mentions(row[0].text, THRESHOLD_WORDS)]
    # A header with such words has the limits in columns already, whatever the rows mention.
    if not targets or not thresholds or _promises_in(table.header):
        return table
    if not values_in((cell.text for cell in targets[0][1:]), ""):
        return table
    header, *rows = zip(table.header, *table.rows, strict=True)
    return evolve(table, header=header, rows=tuple(rows))


def _name_column(columns: Sequence[Column]) -> Column | None:
    found = (column for is_right in _NAME_CHOICES for column in columns if is_right(column))
    return next((evolve(column, role=Role.NAME) for column in found), None)


def _as_limit(column: Column) -> Column:
    is_free = column.role is Role.OTHER and column.kind is Kind.VALUES
    return evolve(column, role=Role.LIMIT) if is_free else column


def _promises(table: Table) -> bool:
    """Return whether the heading or the header of a table names its values as limits."""
    is_in_section = any(mentions(text, PROMISE_WORDS) for text in table.sections[-1:])
    return is_in_section or _promises_in(table.header)


def _promises_in(cells: Iterable[Cell]) -> bool:
    return any(mentions(cell.text, PROMISE_WORDS) for cell in cells)


def _pair_up(columns: Sequence[Column]) -> list[LimitColumns]:
    """Pair each target with its threshold; a column without a partner makes a limit by itself."""
    # Each threshold is removed once it is paired, so two targets never share one.
    thresholds = [column for column in columns if column.role is Role.THRESHOLD]
    limits = []
    for target in (column for column in columns if column.role is Role.TARGET):
        partner = min(
            (column for column in thresholds if _belongs(target, column)),
            key=lambda column: _distance(target, column),
            default=None,
        )
        if partner:
            thresholds.remove(partner)
            limits.append(LimitColumns(target=target, threshold=partner))
        else:
            assumed = f'column "{target.header}": no threshold beside it; taken for both'
            limits.append(LimitColumns(target=None, threshold=target, assumed=assumed))
    singles = (*thresholds, *(column for column in columns if column.role is Role.LIMIT))
    limits += [LimitColumns(target=None, threshold=column) for column in singles]
    return sorted(limits, key=lambda each: (each.target or each.threshold).index)


def _pair_by_cells(columns: Sequence[Column], table: Table) -> list[LimitColumns]:
    """Pair two columns with comparators as target and threshold if the first is always stricter.

    This recognizes them in languages whose words are not in the vocabulary.
    """
    marked = [column for column in columns if column.role in _PROMISES]
    if len(marked) != len({Role.TARGET, Role.THRESHOLD}):
        return []
    first, second = marked
    is_alike = first.units == second.units and first.is_compared and second.is_compared
    if not is_alike or {first.role, second.role} != {Role.LIMIT}:
        return []
    if not all(_is_stricter(row[first.index].text, row[second.index].text) for row in table.rows):
        return []
    names = f'"{first.header}" and "{second.header}"'
    assumed = f"columns {names}: the first is always stricter; taken for target and threshold"
    return [LimitColumns(target=first, threshold=second, assumed=assumed)]


def _is_stricter(target: str, threshold: str) -> bool:
    values = values_in((target, threshold), "")
    if len(values) != len({target, threshold}):
        return False
    target_value, threshold_value = (value.value for value in values)
    sides = {value.direction for value in values}
    at_least = sides == {Direction.AT_LEAST}
    return (
        len(sides) == 1
        and values[0].statistic == values[1].statistic
        and (target_value > threshold_value if at_least else target_value < threshold_value)
    )


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
    """Return the words of a header that name its subject rather than its role."""
    header = f" {column.header} ".replace(f" {column.unit} ", " ")
    return tuple(word for word in plain(header).split() if word not in _ROLE_WORDS)


_PROMISES: Final = frozenset({Role.TARGET, Role.THRESHOLD, Role.LIMIT})
_ROLE_WORDS: Final = frozenset(
    word for phrase in (*PROMISE_WORDS, *FILLERS) for word in phrase.split()
)
# In order of preference: text below a header such as "Operation"; then the first column without
# another role; then any column of text.
_NAME_CHOICES: Final[tuple[Callable[[Column], bool], ...]] = (
    lambda column: (
        column.kind is Kind.TEXT
        and column.role in {Role.OTHER, Role.QUALIFIER}
        and mentions(column.header, NAME_WORDS)
    ),
    lambda column: column.role in {Role.OTHER, Role.QUALIFIER} and not column.is_compared,
    lambda column: column.kind is Kind.TEXT,
)
