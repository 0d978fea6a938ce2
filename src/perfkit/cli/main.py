"""Define the entry point of the `perfkit` command."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Final

from perfkit.errors import MissingExtraError


def run() -> None:
    """Run the `perfkit` command with the arguments of this process, and exit.

    Exit code 0 means success, 1 that a subcommand found a failure, and 2 an error, with the reason
    on the standard error stream.
    """
    # Before any import of these packages, so that a missing one is reported with its remedy.
    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write(f"{MissingExtraError('the perfkit command', 'cli')}\n")
        sys.exit(2)
    from perfkit.cli.group import command  # noqa: PLC0415 - it needs click

    # A name of a budget may contain characters that the encoding of the terminal does not have.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    command(prog_name="perfkit")


_NEEDED: Final = ("click", "markdown_it", "rich", "tomlkit")
