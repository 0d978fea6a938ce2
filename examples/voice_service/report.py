"""Format the results of the demo: a table of response times and a list of violations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perfkit import State, Violation
from voice_service.call_stats import Row

_COLOURS: Final = {
    State.MET: "green",
    State.DEGRADED: "yellow",
    State.VIOLATED: "bold red",
    State.NO_DATA: "magenta",
}
_MAX_SHOWN: Final = 6


def table_of(groups: Iterable[Sequence[Row]]) -> Table:
    """Return the rows as a table that fits 80 columns, with a line between the groups."""
    table = Table(
        title_style="bold",
        title="Response times in ms",
        box=None,
        padding=(0, 1, 0, 0),
        title_justify="left",
    )
    table.add_column("operation")
    for heading in ("target", "threshold", "calls", "p50", "p95", "worst"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for rows in groups:
        for row in rows:
            table.add_row(*_cells(row))
        table.add_section()
    return table


def show_violations(console: Console, violations: Sequence[Violation]) -> None:
    """Print the number of violations and the worst violation of each budget."""
    if not violations:
        console.print("No budget was violated.")
        return
    by_budget: dict[str, list[Violation]] = {}
    for violation in sorted(violations, key=lambda v: (v.severity.rank, v.value), reverse=True):
        by_budget.setdefault(violation.budget.name, []).append(violation)
    console.print(f"{len(violations)} violations; the worst of each budget:")
    for group in list(by_budget.values())[:_MAX_SHOWN]:
        text = Text(f"{len(group)} x {group[0].describe()}", style="red")
        console.print(Padding(text, (0, 0, 0, 2)))
    if len(by_budget) > _MAX_SHOWN:
        console.print(f"  and {len(by_budget) - _MAX_SHOWN} more budgets, in the files below")


def _cells(row: Row) -> list[str | Text]:
    state = f"{row.state} {row.violated}" if row.violated else str(row.state)
    return [
        row.name,
        f"{row.target * 1000:g}",
        f"{row.threshold * 1000:g}",
        str(row.calls),
        *map(_milliseconds, (row.p50, row.p95, row.worst)),
        Text(state, style=_COLOURS[row.state]),
    ]


def _milliseconds(seconds: float | None) -> str:
    """Format a time in ms with three digits, or with more from a second on."""
    if seconds is None:
        return "-"
    value = seconds * 1000
    decimals = next((d for d, top in ((3, 0.9995), (2, 9.995), (1, 99.95)) if value < top), 0)
    return f"{value:.{decimals}f}"
