"""Write the tables of results into the documentation, between two comments."""

from __future__ import annotations

from pathlib import Path
from typing import Final

END: Final = "<!-- end -->\n"


def begin(module: str) -> str:
    """Return the comment before the table of ``python -m MODULE --markdown``."""
    return f"<!-- written by python -m {module} --markdown -->\n"


def write(page: Path, module: str, text: str) -> None:
    """Replace the table of `module` in `page` by `text`.

    Raises:
        ValueError: If the page does not have the two comments.
    """
    before, found, rest = page.read_text(encoding="utf-8").partition(begin(module))
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(
            f"{page.name} does not contain {begin(module)!r} and {END!r} in this order"
        )
    page.write_text(f"{before}{found}{text}{end}{after}", encoding="utf-8")
