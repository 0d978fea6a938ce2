"""Show a progress bar on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function to call after each of `total` steps, with a description of the step.

    It shows nothing if standard error is not a terminal, and only a count without rich.
    """
    if not sys.stderr.isatty():
        yield _ignore
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - rich is optional
        from rich.progress import Progress  # noqa: PLC0415 - likewise
    except ImportError:
        yield _counter(total)
        sys.stderr.write("\n")
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda text: bar.update(task, advance=1, description=f"{text:<45}")


def _ignore(text: str) -> None:
    pass


def _counter(total: int) -> Callable[[str], None]:
    done = 0

    def tick(text: str) -> None:
        nonlocal done
        done += 1
        sys.stderr.write(f"\r{done}/{total} {text:<45}")
        sys.stderr.flush()

    return tick
