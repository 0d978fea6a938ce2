"""The entry point of the `perfkit` command."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Final

from perfkit.errors import MissingExtraError


def run() -> None:
    """Run the `perfkit` command with the arguments of this process, and exit.

    Exit code 0 means that it did what was asked, 2 that it could not: the lines on the standard
    error stream say why.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write(f"{MissingExtraError('the perfkit command', 'cli')}\n")
        sys.exit(2)
    from perfkit.cli.group import command  # noqa: PLC0415 - it needs click

    if isinstance(sys.stdout, TextIOWrapper):  # names may hold letters that a terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    command(prog_name="perfkit")


_NEEDED: Final = ("click", "markdown_it", "rich", "tomlkit")
