"""Implement `perfkit sinks`: send a test violation through each sink."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from perfkit.assembly.resolving import UNNAMED
from perfkit.catalog import load_catalog
from perfkit.cli.files import catalog_path
from perfkit.sink_test.routes import DeliveryRoute, routes_of
from perfkit.sink_test.run import DeliveryResult, count_of, send_samples
from perfkit.text import printable
from perfkit.units import Unit, format_quantity

_NOTHING_NAMES_IT: Final = "(not used)"
_NARROWEST: Final = 12
_GAP: Final = 2
_FEWEST_COLUMNS: Final = 72
"""The minimum width: with less, rich removes a column, while a terminal breaks the lines."""


@click.group()
def command() -> None:
    """Test the sinks that receive violations."""


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--route",
    metavar="NAME",
    help='Test only this route, and make only its sinks: the route\'s name, "route 2" for the '
    'second route if it has no name, "default" for the sinks of the settings, or "budget NAME" '
    "for a budget with its own sinks.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, times in seconds.")
def test(file: Path | None, route: str | None, *, as_json: bool) -> None:
    """Send a test violation through each sink, and report each result.

    The violation is one of the catalog's budgets, marked as a test. It passes the routes, filters,
    rate limits and retries of real violations, and the real receivers get it: a pager pages.
    A route that no budget of the catalog can reach is reported as unreachable.

    FILE is a catalog. Without it, perfkit.toml or pyproject.toml is searched for in the working
    directory and above it.

    Sinks that nothing names are tested too, because code may use them. A sink that needs a part of
    the application, such as its OpenTelemetry provider, is "not checkable here".

    \b
    Exit codes:
      0  every sink that can be checked here delivered the violation, or is
         configured to suppress it; or no sink is configured
      1  a sink did not deliver, or is unreachable
      2  the catalog cannot be used
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with this character
    routes = routes_of(load_catalog(catalog_path(file)), route)
    finished = _send(routes)
    if as_json:
        click.echo(json.dumps([attrs.asdict(each) for each in finished], indent=2))
    else:
        console = Console(highlight=False)
        console.width = max(console.width, _FEWEST_COLUMNS)
        if finished:
            console.print(_as_table(finished, console.width))
        click.echo(_summary(finished))
    if any(each.is_bad for each in finished):
        click.get_current_context().exit(1)


def _as_table(results: Sequence[DeliveryResult], width: int) -> Table:
    """Return a table with one row for each result; the middle of a long path is removed."""
    # The result has no fixed width: it receives the rest, and rich breaks it into several lines.
    routes = [
        _NOTHING_NAMES_IT if each.route == UNNAMED else printable(each.route) for each in results
    ]
    sinks = [printable(each.sink) for each in results]
    names = [min(width // 4, max(map(cell_len, column))) for column in (routes, sinks)]
    left = max(_NARROWEST, (width - sum(names) - 4 * _GAP) // 2)
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold")
    for header, wide in zip(("route", "sink", "to"), (*names, left), strict=True):
        table.add_column(header, overflow="fold", width=max(wide, len(header)))
    table.add_column("result", overflow="fold")
    for at, each in enumerate(results):
        is_first = at == 0 or results[at - 1].route != each.route
        destination = _shortened(printable(each.destination), left)
        name = Text(routes[at] if is_first else "")
        table.add_row(name, Text(sinks[at]), Text(destination), _result(each))
    return table


def _shortened(text: str, longest: int) -> str:
    """Return `text` with the middle of each word removed that is longer than `longest`."""
    kept = longest - len("...")
    end = (kept + 1) // 2
    return " ".join(
        word if len(word) <= longest else f"{word[: kept - end]}...{word[-end:]}"
        for word in text.split(" ")
    )


def _result(result: DeliveryResult) -> Text:
    style = "bold red" if result.is_bad else "yellow" if result.is_open else "green"
    text = Text(result.result, style=style)
    if result.reason:
        text.append(f": {printable(result.reason)}", style="default")
    elif result.result == "delivered":
        text.append(f" in {format_quantity(result.seconds, Unit.SECONDS)}", style="default")
    return text


def _summary(results: Sequence[DeliveryResult]) -> str:
    checked = [each for each in results if not each.is_open]
    bad = sum(each.is_bad for each in checked)
    sentences = []
    if checked:
        outcome = f"{bad} failed" if bad else "none failed"
        sentences.append(f"{len(checked)} tested, {outcome}.")
    if is_open := len(results) - len(checked):
        sentences.append(f"{is_open} not checkable here.")
    if all(each.route == UNNAMED for each in results):
        what = "named by a route, a budget or the settings" if results else "configured"
        sentences.append(f"No sink is {what}: violations go nowhere.")
    return " ".join(sentences)


def _send(routes: Sequence[DeliveryRoute]) -> Sequence[DeliveryResult]:
    """Return the results, with a progress bar on stderr meanwhile if that is a terminal."""
    console = Console(stderr=True)
    # Without markup: rich would interpret brackets in the name of a sink.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    results = []
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("testing", total=sum(map(count_of, routes)))
        for result in itertools.chain.from_iterable(map(send_samples, routes)):
            results.append(result)
            bar.update(task, advance=1, description=printable(result.sink))
    return results
