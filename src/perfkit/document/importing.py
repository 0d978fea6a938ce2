"""Turn the tables of a written performance document into a catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final

from attrs import Factory, define, field, frozen

from perfkit.catalog.catalog import Catalog
from perfkit.catalog.problems import shown
from perfkit.document.cells import UnreadableCellError, read_flag, read_statistic, strange_words
from perfkit.document.columns import Column, Role
from perfkit.document.markdown import Cell, Table, read_document
from perfkit.document.naming import snake_case, unique_names
from perfkit.document.row_limits import Reading, RowContext, read_line, read_scaling
from perfkit.document.table_layout import Shape, shape_of, transpose_if_needed
from perfkit.document.vocabulary import plain
from perfkit.errors import CatalogError
from perfkit.model import Budget, Limit


@frozen(kw_only=True)
class ImportResult:
    """What came out of a document.

    Args:
        catalog: Its budgets, in the order of the document.
        remarks: Whatever did not fit, one line each, as ``file:line: what; what became of it``.
    """

    catalog: Catalog
    remarks: tuple[str, ...]


def import_markdown(text: str, source: str) -> ImportResult:
    """Make a catalog of the tables in a Markdown document.

    A table counts if it has a column of names and a column of figures that its header, or
    comparators in its cells, show to be targets or thresholds.

    Args:
        text: The document.
        source: Where it came from, for remarks.

    Raises:
        CatalogError: If no table in it counts.
        MissingExtraError: If the extra `cli` is not installed.
    """
    document = read_document(text)
    reader = _Reader()
    for table in document.tables:
        reader.read_table(transpose_if_needed(table))
    for line, rest in document.lost:
        reader.remark(line, f'row: "{rest}" stands beyond the last column; left out')
    for line in document.html:
        reader.remark(line, "table: it is in HTML, which is not read; left out")
    name = shown(source, longest=500)
    remarks = tuple(
        f"{name}:{line}: {what}" for line, what in sorted(reader.remarks, key=itemgetter(0))
    )
    if not reader.drafts:
        raise CatalogError((*remarks, f"{name}:1: file: {_NOTHING}"))
    return ImportResult(catalog=Catalog(budgets=reader.budgets(), source=source), remarks=remarks)


@define(kw_only=True)
class _Draft:
    """A budget that has no name yet."""

    title: str
    sections: tuple[str, ...]
    category: str
    critical: bool
    limits: list[Limit] = Factory(list)
    notes: list[str] = Factory(list)

    def can_hold(self, other: _Draft) -> bool:
        """Tell whether `other`, of the same title, has limits on something else only."""
        mine = {(limit.metric, limit.statistic) for limit in self.limits}
        theirs = {(limit.metric, limit.statistic) for limit in other.limits}
        is_alike = (self.category, self.critical) == (other.category, other.critical)
        return is_alike and not mine & theirs

    def take(self, other: _Draft) -> None:
        """Make the limits and notes of `other` this one's too."""
        self.limits += other.limits
        self.notes = list(dict.fromkeys((*self.notes, *other.notes)))


@define
class _Reader:
    """Gathers the drafts of all tables, and what did not fit."""

    drafts: list[_Draft] = Factory(list)
    remarks: list[tuple[int, str]] = Factory(list)
    _last: dict[tuple[str, tuple[str, ...]], _Draft] = field(init=False, factory=dict)

    def remark(self, line: int, what: str) -> None:
        """Note something that a person should look at, on a line of the document."""
        self.remarks.append((line, shown(what, longest=500)))

    def read_table(self, table: Table) -> None:
        """Read all rows of a table, if it holds promises."""
        shape = shape_of(table)
        if shape is None:
            headers = " | ".join(cell.text for cell in table.header)
            self.remark(table.line, f'table "{headers}": no targets or thresholds in it; left out')
            return
        for line in shape.lines:
            if line.assumed:
                self.remark(table.line, line.assumed)
        for row in table.rows:
            self._read_row(row, shape, table.sections)

    def budgets(self) -> tuple[Budget, ...]:
        """Name the drafts and make budgets of them."""
        names = unique_names([(draft.title, draft.sections) for draft in self.drafts])
        return tuple(
            Budget(
                name=name,
                category=draft.category,
                critical=draft.critical,
                description=", in ".join((draft.title, *draft.sections[-1:])),
                limits=_grouped(draft.limits),
                notes=tuple(draft.notes),
            )
            for name, draft in zip(names, self.drafts, strict=True)
        )

    def _read_row(self, row: Sequence[Cell], shape: Shape, sections: tuple[str, ...]) -> None:
        title = row[shape.name.index].text
        has_more = any(cell.text for cell in row if cell is not row[shape.name.index])
        if not title or not has_more:
            if title or has_more:
                what = " | ".join(cell.text for cell in row)
                self.remark(row[0].line, f'row "{what}": no name or no figures in it; left out')
            return
        draft = _new_draft(title, [cell.text for cell in row], shape, sections)
        self._read_limits(draft, row, shape)
        self._read_notes(draft, row, shape)
        same = self._last.get((title, sections))
        if same and same.can_hold(draft):
            same.take(draft)
        else:
            self.drafts.append(draft)
            self._last[title, sections] = draft

    def _read_limits(self, draft: _Draft, row: Sequence[Cell], shape: Shape) -> None:
        texts = [cell.text for cell in row]
        around = RowContext(
            qualifiers=tuple(texts[each.index] for each in shape.with_role(Role.QUALIFIER)),
            title=draft.title,
            section=draft.sections[-1] if draft.sections else "",
        )
        for line in shape.lines:
            reading = read_line(line, texts, around)
            self._keep(draft, reading, row, [line.target, line.threshold])
        for column in shape.with_role(Role.SCALING):
            scaling = read_scaling(texts[column.index])
            self._keep(draft, Reading(limits=(scaling,) if scaling else ()), row, [column])

    def _keep(
        self,
        draft: _Draft,
        reading: Reading,
        row: Sequence[Cell],
        columns: Sequence[Column | None],
    ) -> None:
        taken = {(limit.metric, limit.statistic) for limit in draft.limits}
        lost = dict(reading.lost)
        for limit in reading.limits:
            if (limit.metric, limit.statistic) in taken:
                again = f"a second limit on {limit.metric} {limit.statistic}"
                lost |= {column: again for column in columns if column}
            else:
                draft.limits.append(limit)
        for column, why in lost.items():
            self._lose(draft, column, row[column.index], why)
        if reading.assumed:
            self.remark(row[0].line, f"{draft.title}: {reading.assumed}")

    def _lose(self, draft: _Draft, column: Column, cell: Cell, why: str) -> None:
        if cell.text:
            where = f"{draft.title}.{column.header}"
            self.remark(cell.line, f'{where}: "{shown(cell.text)}": {why}; kept as a note')
            draft.notes.append(_note(column, cell))

    def _read_notes(self, draft: _Draft, row: Sequence[Cell], shape: Shape) -> None:
        for column in shape.columns:
            cell = row[column.index]
            if column.role in _UNREAD or column in _surplus(shape):
                self._lose(draft, column, cell, "no promise")
            elif column.role is Role.CRITICAL and read_flag(cell.text) is None:
                self._lose(draft, column, cell, "neither yes nor no")
            elif cell.text and (column.role is Role.NOTES or _is_half_read(column, cell.text)):
                draft.notes.append(_note(column, cell))


def _new_draft(title: str, texts: Sequence[str], shape: Shape, sections: tuple[str, ...]) -> _Draft:
    critical = [texts[column.index] for column in shape.with_role(Role.CRITICAL)]
    category = [texts[column.index] for column in shape.with_role(Role.CATEGORY)]
    return _Draft(
        title=title,
        sections=sections,
        category=snake_case(next(iter((*category[:1], *sections[-1:])), "")),
        critical=any(read_flag(text) for text in critical[:1]),
    )


def _grouped(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Put limits on one metric side by side, as they stand in a catalog file."""
    metrics = dict.fromkeys(limit.metric for limit in limits)
    return tuple(limit for metric in metrics for limit in limits if limit.metric is metric)


def _surplus(shape: Shape) -> Iterator[Column]:
    """Give out columns of a role that only one column can have, but for the first."""
    yield from shape.with_role(Role.CRITICAL)[1:]
    yield from shape.with_role(Role.CATEGORY)[1:]


def _is_half_read(column: Column, text: str) -> bool:
    """Tell whether a cell that says what is measured says more than perfkit understands."""
    if column.role is not Role.QUALIFIER:
        return False
    try:
        _, rest = read_statistic(text)
    except UnreadableCellError:
        return True
    return bool(strange_words(plain(rest)))


def _note(column: Column, cell: Cell) -> str:
    return f"{column.header}: {cell.text}" if column.header else cell.text


_UNREAD: Final = {Role.OTHER, Role.OBSERVED}
_NOTHING: Final = (
    "no table with promises in it; write one with a column of names, and columns such as "
    '"Target" and "Threshold" with figures such as "< 100ms" or "> 95%"'
)
