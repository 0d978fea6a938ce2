"""Find the catalog of a subcommand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from perfkit.catalog import find_catalog
from perfkit.errors import CatalogError

_NO_CATALOG: Final = (
    "perfkit.toml:1: file: there is none here or above, nor a pyproject.toml with [tool.perfkit];"
    " write one, or make one with: perfkit catalog import DOC.md"
)


def catalog_path(file: Path | None) -> Path:
    """Return `file`, else the catalog in the working directory or the nearest folder above it.

    Raises:
        CatalogError: If there is neither.
    """
    path = file or find_catalog()
    if path is None:
        raise CatalogError([_NO_CATALOG])
    return path
