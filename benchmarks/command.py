"""The options that the benchmarks share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def parser(module: str, description: str | None, quick: str, page: str) -> argparse.ArgumentParser:
    """Return a parser for ``python -m MODULE``.

    Args:
        module: The module.
        description: What it says of itself.
        quick: What ``--quick`` does.
        page: Which page ``--markdown`` writes.
    """
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument("--quick", action="store_true", help=quick)
    made.add_argument("--json", action="store_true", help="print all figures as JSON")
    made.add_argument("--markdown", action="store_true", help=f"also write the table into {page}")
    return made


def read(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for. A page shows the full form, so the short one writes none."""
    asked = parser.parse_args(arguments)
    if asked.quick and asked.markdown:
        parser.error("the page shows the full form; leave out --quick")
    return asked
