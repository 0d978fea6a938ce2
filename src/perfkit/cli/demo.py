"""Implement `perfkit demo`: find the example service in a checkout, and run it."""

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
"""Modules that the example imports, with their names on PyPI."""


@click.command()
@click.option(
    "--slow",
    multiple=True,
    metavar="NAME=MS",
    help="Make each call of an operation slower by so many milliseconds, to see violations. "
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

    For a few seconds, the service synthesizes and recognizes speech, logs clients in, stores and
    loads sessions, and uses its cache. Spans are written to a file, or sent to the OTLP receiver
    that OTEL_EXPORTER_OTLP_ENDPOINT names.

    The exit code is 0 even if budgets were violated.
    """
    # The example is not a part of the package, so its modules are imported after the path is set.
    folder = str(find_example((Path.cwd(), Path(__file__))))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise PerfkitError(
            f"the demo needs {' and '.join(missing)}; run make demo, or install with: "
            f"pip install {' '.join(missing)}"
        )
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
    """Return the folder ``examples`` with the service, at or above one of `starts`.

    Raises:
        PerfkitError: If the folder is not found; the message contains the remedy.
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
    """Parse the values of ``--slow``; return seconds by operation.

    Raises:
        PerfkitError: If the service does not have an operation, or a time is not a number of
            milliseconds from 0 to 60,000.
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
    # "nan" fails this comparison too.
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise PerfkitError(
            f"--slow {text}: {milliseconds!r} is not a number of milliseconds from 0 to "
            f"{_LONGEST_SECONDS * 1000:.0f}; write for example {name}=400"
        )
    return name, seconds


_LONGEST_SECONDS: Final = 60.0
