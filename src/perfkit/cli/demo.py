"""`perfkit demo`: find the example service in a checkout, and run it."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from perfkit.errors import PerfkitError
from perfkit.text import suggest

_EXAMPLE: Final = "voice_service"
_FIRST_FILE: Final = Path("examples", _EXAMPLE, "demo.py")
_NEEDED: Final = {
    "pocketsphinx": "pocketsphinx",
    "espeakng_loader": "espeakng-loader",
    "sqlalchemy": "sqlalchemy",
    "cachetools": "cachetools",
    "numpy": "numpy",
}
"""Modules that the example imports, and what PyPI calls them."""


@click.command()
@click.option(
    "--slow",
    multiple=True,
    metavar="NAME=MS",
    help="Make each call of an operation slower by so many milliseconds, to see a budget break. "
    "May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON, in seconds.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for spans, violations and the log; those of an earlier run are replaced.",
)
@click.option(
    "--alertmanager",
    metavar="URL",
    default="",
    help="Show violations in this Prometheus Alertmanager, then work on without --slow to see them "
    "end.",
)
def command(slow: tuple[str, ...], *, as_json: bool, output: Path, alertmanager: str) -> None:
    """Run the example service against its budgets.

    It speaks and hears sentences, logs clients in, stores and loads sessions and works its cache,
    for a few seconds. Spans go to a file, or to the OTLP receiver that
    OTEL_EXPORTER_OTLP_ENDPOINT names.

    Exits with 0 also where budgets were broken: it shows, it does not judge.
    """
    _import_path(find_example((Path.cwd(), Path(__file__))))
    _check_requirements()
    operations = import_module(f"{_EXAMPLE}.operations").OPERATIONS
    delays = read_delays(slow, operations)
    demo = import_module(f"{_EXAMPLE}.demo")
    files = demo.Files(output)
    try:
        files.clear()
    except OSError as error:
        raise PerfkitError(f"--output {output}: {error}; name a folder to write to") from error
    demo.run_demo(files, slow=delays, as_json=as_json, alertmanager=alertmanager)


def find_example(starts: Iterable[Path]) -> Path:
    """Return the folder ``examples`` that holds the service, at or above one of `starts`.

    Raises:
        PerfkitError: If it is nowhere; the message says what to do.
    """
    for start in starts:
        for folder in (start, *start.parents):
            if (folder / _FIRST_FILE).is_file():
                return folder / _FIRST_FILE.parts[0]
    raise PerfkitError(
        f"the demo runs {_FIRST_FILE.parent.as_posix()}, which comes with the source and not with "
        "the package; run it in a checkout of perfkit"
    )


def read_delays(written: Iterable[str], operations: Collection[str]) -> Mapping[str, float]:
    """Read what ``--slow`` was given, and return seconds by operation.

    Raises:
        PerfkitError: If one is no operation of the service or no time; the message says what is.
    """
    return dict(_read_delay(text, operations) for text in written)


def _read_delay(text: str, operations: Collection[str]) -> tuple[str, float]:
    name, _, milliseconds = text.partition("=")
    if name not in operations:
        close = suggest(name, operations)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(operations)}"
        raise PerfkitError(f"--slow {text}: the service has no operation {name!r}; {hint}")
    try:
        seconds = float(milliseconds) / 1000
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise PerfkitError(
            f"--slow {text}: {milliseconds!r} is no number of milliseconds from 0 to "
            f"{_LONGEST_SECONDS * 1000:.0f}; write for example {name}=400"
        )
    return name, seconds


def _check_requirements() -> None:
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise PerfkitError(
            f"the demo needs {' and '.join(missing)}; run make demo, or install with: "
            f"pip install {' '.join(missing)}"
        )


def _import_path(folder: Path) -> None:
    """Let the example's modules be imported, and before any others of the same name."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


_LONGEST_SECONDS: Final = 60.0
