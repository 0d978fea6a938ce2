"""`perfkit sinks`: try out where violations go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from perfkit.assembly.trying import Tried, try_way, ways_of
from perfkit.catalog import load_catalog
from perfkit.cli.files import catalog_path
from perfkit.units import Unit, format_quantity


@click.group()
def command() -> None:
    """Try out where violations go."""


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--route", metavar="NAME", help='Only this route; "default" is what no route takes.')
@click.option("--json", "as_json", is_flag=True, help="Write JSON, times in seconds.")
def test(file: Path | None, route: str | None, *, as_json: bool) -> None:
    """Send a test violation through each sink, and tell what arrived where.

    It is marked as a test, and goes the way of real ones: through filters, limits, retries. FILE is
    a catalog; where it is left out, perfkit.toml or pyproject.toml is looked for in the working
    directory and above it.

    Exits with 0 if every sink has taken it (or holds it back on purpose), 1 if one has not, and 2
    if the catalog cannot be used.
    """
    ways = ways_of(load_catalog(catalog_path(file)), route)
    with _progress(sum(len(way.sinks) for way in ways)) as tick:
        tried = [tick(each) for way in ways for each in try_way(way)]
    if as_json:
        click.echo(json.dumps([attrs.asdict(each) for each in tried], indent=2))
    else:
        Console(highlight=False).print(_as_table(tried))
        click.echo(_summary(tried))
    if not all(each.is_good for each in tried):
        click.get_current_context().exit(1)


def _as_table(tried: Iterable[Tried]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in ("route", "sink", "to", "result"):
        table.add_column(header, overflow="fold")
    way = None
    for each in tried:
        result = Text(each.result, style="green" if each.is_good else "bold red")
        if each.reason:
            result.append(f": {each.reason}", style="default")
        elif each.result == "delivered":
            result.append(f" in {format_quantity(each.seconds, Unit.SECONDS)}", style="default")
        name = "" if each.way == way else each.way
        table.add_row(Text(name), Text(each.sink), Text(each.destination), result)
        way = each.way
    return table


def _summary(tried: list[Tried]) -> str:
    bad = sum(not each.is_good for each in tried)
    if not tried:
        return "No sink is configured: violations go nowhere."
    return f"{len(tried)} tried, {f'{bad} without success' if bad else 'all well'}."


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Tried], Tried]]:
    """Show how many sinks have been tried, on standard error and only where somebody looks."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("trying", total=total)

        def tick(tried: Tried) -> Tried:
            bar.update(task, advance=1, description=tried.sink)
            return tried

        yield tick
