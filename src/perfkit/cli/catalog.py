"""Implement `perfkit catalog`: check, list and import budgets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perfkit.assembly.resolving import problems_of_sinks
from perfkit.catalog import Catalog, dump_catalog, load_catalog, read_text
from perfkit.catalog.writing import write_limit
from perfkit.cli.files import catalog_path
from perfkit.document import import_markdown
from perfkit.errors import CatalogError
from perfkit.model import Budget, Limit
from perfkit.text import printable
from perfkit.units import Unit, write_quantity

_FILE: Final = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group()
def command() -> None:
    """Check, list and import budgets.

    Without FILE, the catalog is searched for in the working directory and above it: perfkit.toml,
    or pyproject.toml with a [tool.perfkit] table.
    """


@command.command()
@_FILE
def check(file: Path | None) -> None:
    """Report all problems of a catalog.

    No sink is built, and no environment variable is needed. The exit code is 0 without a problem,
    else 2 with one line for each problem.
    """
    path = catalog_path(file)
    catalog = load_catalog(path)
    if problems := problems_of_sinks(catalog):
        raise CatalogError(problems)
    limits = sum(len(budget.limits) for budget in catalog.budgets)
    counts = [_count(len(catalog.budgets), "budget"), _count(limits, "limit")]
    if objectives := sum(budget.objective is not None for budget in catalog.budgets):
        counts.append(_count(objectives, "objective"))
    if catalog.sinks:
        counts.append(_count(len(catalog.sinks), "sink"))
    more = "; to see whether the sinks work, run perfkit sinks test" if catalog.sinks else ""
    click.echo(f"{printable(str(path))}: {', '.join(counts)}, no problems{more}")


@command.command("list")
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Write JSON, in base units.")
def list_(file: Path | None, *, as_json: bool) -> None:
    """Print the budgets of a catalog."""
    catalog = load_catalog(catalog_path(file))
    if as_json:
        click.echo(json.dumps([_budget_as_data(budget) for budget in catalog.budgets], indent=2))
    else:
        Console(highlight=False).print(_as_table(catalog))


@command.command("import")
@click.argument("document", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
def import_(document: Path, output: Path | None, *, force: bool) -> None:
    """Convert the tables of a Markdown document to a catalog.

    The catalog is written to the standard output, or to the file of -o. Each cell that is not
    imported is reported on the standard error stream with its line, and as a note on its budget.
    """
    result = import_markdown(read_text(document), str(document))
    for remark in result.remarks:
        click.echo(printable(remark), err=True)
    text = dump_catalog(result.catalog)
    if output is None:
        # As bytes in UTF-8: the standard output may have another encoding or translate line ends.
        click.echo(text.encode(), nl=False)
    else:
        _write(output, text, force=force)
    counts = (_count(len(result.catalog.budgets), "budget"), _count(len(result.remarks), "remark"))
    place = f", written to {printable(str(output))}" if output else ""
    click.echo(f"{printable(str(document))}: {', '.join(counts)}{place}", err=True)


def _write(output: Path, text: str, *, force: bool) -> None:
    # Mode "x" checks and creates in one step, so another program cannot create the file in between.
    try:
        with output.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise CatalogError([f"{output}:1: file: it exists; overwrite it with --force"]) from None
    except OSError as error:
        reason = f"it cannot be written ({error.strerror}); write another path"
        raise CatalogError([f"{output}:1: file: {reason}"]) from None


def _budget_as_data(budget: Budget) -> dict[str, Any]:
    return {
        "name": budget.name,
        "category": budget.category,
        "critical": budget.critical,
        "description": budget.description,
        "limits": [attrs.asdict(limit) for limit in budget.limits],
        "objective": attrs.asdict(budget.objective) if budget.objective else None,
        "evidence": list(budget.evidence),
    }


def _as_table(catalog: Catalog) -> Table:
    """Return a table of the budgets by category, with a row for each limit."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in ("budget", "critical", "limit", "target", "threshold"):
        table.add_column(header, overflow="fold")
    for category, budgets in groupby(catalog.budgets, key=lambda budget: budget.category):
        table.add_row(Text(printable(category) or "(no category)", style="bold cyan"))
        for budget in budgets:
            name, critical = f"  {printable(budget.name)}", "yes" if budget.critical else ""
            for cells in _rows(budget):
                table.add_row(*map(Text, (name, critical, *cells)))
                name = critical = ""
    return table


def _rows(budget: Budget) -> Iterator[tuple[str, str, str]]:
    yield from map(_cells, budget.limits)
    if budget.objective is not None:
        period = write_quantity(budget.objective.period, Unit.SECONDS)
        yield f"objective over {period}", write_quantity(budget.objective.ratio, Unit.RATIO), ""
    elif not budget.limits:
        yield "no limit", "", ""
    if budget.evidence:
        yield f"evidence: {', '.join(budget.evidence)}", "", ""


def _cells(limit: Limit) -> tuple[str, str, str]:
    written = write_limit(limit)
    statistic = f" {written['statistic']}" if "statistic" in written else ""
    window = f" over {written['window']}" if "window" in written else ""
    threshold = written["threshold"]
    return f"{limit.metric}{statistic}{window}", written.get("target", threshold), threshold


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
