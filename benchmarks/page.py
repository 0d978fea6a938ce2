"""Where figures stand in the documentation: between two comments, to be written anew."""

from __future__ import annotations

from pathlib import Path
from typing import Final

END: Final = "<!-- end -->\n"


def begin(module: str) -> str:
    """Return the comment before what ``python -m MODULE --markdown`` has written."""
    return f"<!-- written by python -m {module} --markdown -->\n"


def write(page: Path, module: str, text: str) -> None:
    """Put `text` into `page`, in place of what `module` wrote there before.

    Raises:
        ValueError: If the page does not say where.
    """
    before, found, rest = page.read_text(encoding="utf-8").partition(begin(module))
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(f"{page.name} has no place for it between {begin(module)!r} and {END!r}")
    page.write_text(f"{before}{found}{text}{end}{after}", encoding="utf-8")
