"""`perfkit sinks`: try out where violations go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from perfkit.assembly.sink_references import UNNAMED
from perfkit.catalog import load_catalog
from perfkit.cli.files import catalog_path
from perfkit.cli.printing import shortened
from perfkit.sink_test.routes import Way, ways_of
from perfkit.sink_test.run import DeliveryResult, count_of, try_way
from perfkit.text import printable
from perfkit.units import Unit, format_quantity

_NOTHING_NAMES_IT: Final = "(nothing names it)"
_NARROWEST: Final = 12
_GAP: Final = 2
_FEWEST_COLUMNS: Final = 72
"""With fewer, a column would be left out; a terminal breaks the lines instead."""


@click.group()
def command() -> None:
    """Try out where violations go."""


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--route",
    metavar="NAME",
    help='Only this route, and only its sinks are made: its name, "route 2" for the second one if '
    'it has none, "default" for what no route takes, or "budget NAME" for a budget with sinks of '
    "its own.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, times in seconds.")
def test(file: Path | None, route: str | None, *, as_json: bool) -> None:
    """Send a test violation through each sink, and tell what arrived where.

    It goes the way of real ones, through filters, limits and retries, and real receivers get it:
    it is marked as a test, but whoever is paged by them is paged. FILE is a catalog; where it is
    left out, perfkit.toml or pyproject.toml is looked for in the working directory and above it.

    A sink that nothing names is tried too, as code may use it. What a sink needs that only the
    application has, such as a provider of OpenTelemetry, is "not checkable here".

    Exits with 0 if every sink that can be checked here has taken it or holds it back on purpose,
    and where no sink is configured, so that violations go nowhere; with 1 if one has not taken it,
    or could not be tried; and with 2 if the catalog cannot be used.
    """
    ways = ways_of(load_catalog(catalog_path(file)), route)
    with _progress(ways) as each_tried:
        tried = list(each_tried)
    if as_json:
        click.echo(json.dumps([attrs.asdict(each) for each in tried], indent=2))
    else:
        console = Console(highlight=False)
        console.width = max(console.width, _FEWEST_COLUMNS)
        if tried:
            console.print(_as_table(tried, console.width))
        click.echo(_summary(tried))
    if any(each.is_bad for each in tried):
        click.get_current_context().exit(1)


def _as_table(tried: Sequence[DeliveryResult], width: int) -> Table:
    """Draw what came of each, in as many columns of text as there are: paths lose their middle."""
    routes = [
        _NOTHING_NAMES_IT if each.route == UNNAMED else printable(each.route) for each in tried
    ]
    sinks = [printable(each.sink) for each in tried]
    names = [min(width // 4, max(map(cell_len, column))) for column in (routes, sinks)]
    left = max(_NARROWEST, (width - sum(names) - 4 * _GAP) // 2)
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold")
    for header, wide in zip(("route", "sink", "to"), (*names, left), strict=True):
        table.add_column(header, overflow="fold", width=max(wide, len(header)))
    table.add_column("result", overflow="fold")
    for at, each in enumerate(tried):
        is_first = at == 0 or tried[at - 1].route != each.route
        destination = shortened(printable(each.destination), left)
        name = Text(routes[at] if is_first else "")
        table.add_row(name, Text(sinks[at]), Text(destination), _result(each))
    return table


def _result(tried: DeliveryResult) -> Text:
    style = "bold red" if tried.is_bad else "yellow" if tried.is_open else "green"
    result = Text(tried.result, style=style)
    if tried.reason:
        result.append(f": {printable(tried.reason)}", style="default")
    elif tried.result == "delivered":
        result.append(f" in {format_quantity(tried.seconds, Unit.SECONDS)}", style="default")
    return result


def _summary(tried: Sequence[DeliveryResult]) -> str:
    checked = [each for each in tried if not each.is_open]
    bad = sum(each.is_bad for each in checked)
    said = []
    if checked:
        said.append(f"{len(checked)} tried, {f'{bad} without success' if bad else 'all well'}.")
    if is_open := len(tried) - len(checked):
        said.append(f"{is_open} not checkable here.")
    if all(each.route == UNNAMED for each in tried):
        named = "No sink is named by a route, a budget or the settings" if tried else _NO_SINK
        said.append(f"{named}: violations go nowhere.")
    return " ".join(said)


_NO_SINK: Final = "No sink is configured"


@contextmanager
def _progress(ways: Sequence[Way]) -> Iterator[Iterator[DeliveryResult]]:
    """Try all, and show how many have been, on standard error and only where somebody looks."""
    console = Console(stderr=True)
    # A name may look like markup.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("trying", total=sum(map(count_of, ways)))

        def each_tried() -> Iterator[DeliveryResult]:
            for tried in (tried for way in ways for tried in try_way(way)):
                bar.update(task, advance=1, description=printable(tried.sink))
                yield tried

        yield each_tried()
