"""Define the group of subcommands, which imports a subcommand when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from perfkit.errors import PerfkitError
from perfkit.text import printable

SUBCOMMANDS: Final = {
    "catalog": "Check, list and import budgets.",
    "demo": "Run the example service against its budgets.",
    "sinks": "Test the sinks.",
}
"""One line of help for each subcommand; its module has the same name."""


class LazyGroup(click.Group):
    """A group that imports ``perfkit.cli.<name>`` only for the subcommand that runs."""

    # Each subcommand imports other packages, such as rich or the importer of documents, which would
    # delay the start of all others.

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Return the names of all subcommands."""
        return sorted(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Import a subcommand: the object `command` of its module; None if there is none."""
        if cmd_name not in SUBCOMMANDS:
            return None
        found: click.Command = import_module(f"perfkit.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """Write the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(SUBCOMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; print a `PerfkitError` on stderr and exit with code 2."""
        try:
            return super().invoke(ctx)
        except PerfkitError as error:
            # Each line by itself: a message with several problems has a line for each of them.
            for line in str(error).split("\n"):
                click.echo(printable(line), err=True)
            ctx.exit(2)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="perfkit")
def command() -> None:
    """Define performance budgets once, and check them everywhere."""
