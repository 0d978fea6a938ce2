"""Import the tables of a performance document in Markdown as a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from attrs import Factory, define, field, frozen

from perfkit.catalog.catalog import Catalog
from perfkit.catalog.problems import shown
from perfkit.document.cells import UnreadableCellError, read_flag, read_statistic, unknown_words
from perfkit.document.columns import Column, Role
from perfkit.document.markdown import Cell, Table, read_document
from perfkit.document.naming import snake_case, unique_names
from perfkit.document.rows import RowContext, RowReading, read_limit_columns, read_scaling
from perfkit.document.table_layout import TableLayout, layout_of, transpose_if_needed
from perfkit.document.vocabulary import plain
from perfkit.errors import CatalogError
from perfkit.model import Budget, Limit


@frozen(kw_only=True)
class ImportResult:
    """The budgets of a document, and remarks on the rest of its tables.

    Args:
        catalog: The budgets, in the order of the document.
        remarks: One line ``file:line: problem; consequence`` for each cell, row or table that is
            not in a budget in full.
    """

    catalog: Catalog
    remarks: tuple[str, ...]


def import_markdown(text: str, source: str) -> ImportResult:
    """Import the tables of a Markdown document as a catalog.

    A table is imported if it has a column of names, and a column of values that are targets or
    thresholds by its header or by comparators in its cells. All others are in the remarks.

    Args:
        text: The document.
        source: Its path, for remarks.

    Raises:
        CatalogError: If no table has targets or thresholds.
        MissingExtraError: If the extra `cli` is not installed.
    """
    document = read_document(text)
    reader = _Reader()
    for table in document.tables:
        reader.read_table(transpose_if_needed(table))
    for line, rest in document.surplus:
        reader.remark(line, f'row: "{rest}" is beyond the last column; left out')
    for line in document.html:
        reader.remark(line, "table: it is in HTML, which is not supported; left out")
    name = shown(source, longest=500)
    remarks = tuple(
        f"{name}:{line}: {remark}" for line, remark in sorted(reader.remarks, key=itemgetter(0))
    )
    if not reader.drafts:
        raise CatalogError((*remarks, f"{name}:1: file: {_NOTHING}"))
    return ImportResult(catalog=Catalog(budgets=reader.budgets(), source=source), remarks=remarks)


@define(kw_only=True)
class _Draft:
    """A budget without a unique name yet."""

    title: str
    sections: tuple[str, ...]
    category: str
    critical: bool
    limits: list[Limit] = Factory(list)
    notes: list[str] = Factory(list)

    def can_merge(self, other: _Draft) -> bool:
        """Return whether `other`, of the same title, limits only other metrics or statistics."""
        mine = {(limit.metric, limit.statistic) for limit in self.limits}
        theirs = {(limit.metric, limit.statistic) for limit in other.limits}
        is_alike = (self.category, self.critical) == (other.category, other.critical)
        return is_alike and not mine & theirs

    def merge(self, other: _Draft) -> None:
        """Add the limits and notes of `other`."""
        self.limits += other.limits
        self.notes = list(dict.fromkeys((*self.notes, *other.notes)))


@define
class _Reader:
    """Collects the drafts of all tables, and the remarks."""

    drafts: list[_Draft] = Factory(list)
    remarks: list[tuple[int, str]] = Factory(list)
    _last: dict[tuple[str, tuple[str, ...]], _Draft] = field(init=False, factory=dict)

    def remark(self, line: int, text: str) -> None:
        """Add a remark on a line of the document."""
        self.remarks.append((line, shown(text, longest=500)))

    def read_table(self, table: Table) -> None:
        """Read all rows of a table; add a remark if it has no limits."""
        layout = layout_of(table)
        if layout is None:
            headers = " | ".join(cell.text for cell in table.header)
            self.remark(table.line, f'table "{headers}": no targets or thresholds in it; left out')
            return
        for limit in layout.limits:
            if limit.assumed:
                self.remark(table.line, limit.assumed)
        for row in table.rows:
            self._read_row(row, layout, table.sections)

    def budgets(self) -> tuple[Budget, ...]:
        """Return a budget for each draft, with a unique name."""
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

    def _read_row(
        self, row: Sequence[Cell], layout: TableLayout, sections: tuple[str, ...]
    ) -> None:
        title = row[layout.name.index].text
        has_more = any(cell.text for cell in row if cell is not row[layout.name.index])
        if not title or not has_more:
            if title or has_more:
                text = " | ".join(cell.text for cell in row)
                self.remark(row[0].line, f'row "{text}": no name or no values in it; left out')
            return
        draft = _new_draft(title, [cell.text for cell in row], layout, sections)
        self._read_limits(draft, row, layout)
        self._read_notes(draft, row, layout)
        # Two rows of one operation, such as "p50" and "p99", are one budget.
        same = self._last.get((title, sections))
        if same and same.can_merge(draft):
            same.merge(draft)
        else:
            self.drafts.append(draft)
            self._last[title, sections] = draft

    def _read_limits(self, draft: _Draft, row: Sequence[Cell], layout: TableLayout) -> None:
        texts = [cell.text for cell in row]
        context = RowContext(
            qualifiers=tuple(texts[each.index] for each in layout.with_role(Role.QUALIFIER)),
            title=draft.title,
            section=draft.sections[-1] if draft.sections else "",
        )
        for limit in layout.limits:
            reading = read_limit_columns(limit, texts, context)
            self._add(draft, reading, row, [limit.target, limit.threshold])
        for column in layout.with_role(Role.SCALING):
            scaling = read_scaling(texts[column.index])
            self._add(draft, RowReading(limits=(scaling,) if scaling else ()), row, [column])

    def _add(
        self,
        draft: _Draft,
        reading: RowReading,
        row: Sequence[Cell],
        columns: Sequence[Column | None],
    ) -> None:
        taken = {(limit.metric, limit.statistic) for limit in draft.limits}
        unread = dict(reading.unread)
        for limit in reading.limits:
            if (limit.metric, limit.statistic) in taken:
                again = f"a second limit on {limit.metric} {limit.statistic}"
                unread |= {column: again for column in columns if column}
            else:
                draft.limits.append(limit)
        for column, why in unread.items():
            self._add_note(draft, column, row[column.index], why)
        if reading.assumed:
            self.remark(row[0].line, f"{draft.title}: {reading.assumed}")

    def _add_note(self, draft: _Draft, column: Column, cell: Cell, why: str) -> None:
        if cell.text:
            where = f"{draft.title}.{column.header}"
            self.remark(cell.line, f'{where}: "{shown(cell.text)}": {why}; kept as a note')
            draft.notes.append(_note(column, cell))

    def _read_notes(self, draft: _Draft, row: Sequence[Cell], layout: TableLayout) -> None:
        # A second column for a role that only one column can have is not read.
        surplus = (*layout.with_role(Role.CRITICAL)[1:], *layout.with_role(Role.CATEGORY)[1:])
        for column in layout.columns:
            cell = row[column.index]
            if column.role in _UNREAD or column in surplus:
                self._add_note(draft, column, cell, "not a limit")
            elif column.role is Role.CRITICAL and read_flag(cell.text) is None:
                self._add_note(draft, column, cell, "neither yes nor no")
            elif cell.text and (column.role is Role.NOTES or _is_half_read(column, cell.text)):
                draft.notes.append(_note(column, cell))


def _new_draft(
    title: str, texts: Sequence[str], layout: TableLayout, sections: tuple[str, ...]
) -> _Draft:
    critical = [texts[column.index] for column in layout.with_role(Role.CRITICAL)]
    category = [texts[column.index] for column in layout.with_role(Role.CATEGORY)]
    return _Draft(
        title=title,
        sections=sections,
        category=snake_case(next(iter((*category[:1], *sections[-1:])), "")),
        critical=any(read_flag(text) for text in critical[:1]),
    )


def _grouped(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Put limits on one metric side by side, in the order of a catalog file."""
    metrics = dict.fromkeys(limit.metric for limit in limits)
    return tuple(limit for metric in metrics for limit in limits if limit.metric is metric)


def _is_half_read(column: Column, text: str) -> bool:
    """Return whether a cell that names a metric or statistic has words that are not recognized."""
    if column.role is not Role.QUALIFIER:
        return False
    try:
        _, rest = read_statistic(text)
    except UnreadableCellError:
        return True
    return bool(unknown_words(plain(rest)))


def _note(column: Column, cell: Cell) -> str:
    return f"{column.header}: {cell.text}" if column.header else cell.text


_UNREAD: Final = {Role.OTHER, Role.OBSERVED}
_NOTHING: Final = (
    "no table with limits in it; write one with a column of names, and columns such as "
    '"Target" and "Threshold" with values such as "< 100ms" or "> 95%"'
)
