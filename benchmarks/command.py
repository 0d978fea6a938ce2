"""The command-line options of both benchmarks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def parser(module: str, description: str | None, quick: str, page: str) -> argparse.ArgumentParser:
    """Return a parser for ``python -m MODULE``.

    Args:
        module: The name of the module.
        description: The description in the help.
        quick: The help of ``--quick``.
        page: The page that ``--markdown`` writes.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", action="store_true", help="print all values as JSON")
    parser.add_argument("--markdown", action="store_true", help=f"also write the table into {page}")
    return parser


def read(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse `arguments`; exit with an error for ``--quick --markdown``."""
    options = parser.parse_args(arguments)
    if options.quick and options.markdown:
        parser.error("the page shows the full form; leave out --quick")
    return options
