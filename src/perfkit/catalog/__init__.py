"""Where budgets come from: catalog files, documents, and limits written in code."""

from typing import TYPE_CHECKING, Any

from perfkit.catalog.catalog import Catalog, CatalogSettings, SinkDeclaration
from perfkit.catalog.files import find_catalog, read_text
from perfkit.catalog.limits import parse_limit, parse_limits
from perfkit.catalog.loading import load_catalog, parse_catalog
from perfkit.catalog.writing import dump_catalog, line_text

if TYPE_CHECKING:
    from perfkit.catalog.importing import ImportResult, import_markdown

__all__ = [
    "Catalog",
    "CatalogSettings",
    "ImportResult",
    "SinkDeclaration",
    "dump_catalog",
    "find_catalog",
    "import_markdown",
    "line_text",
    "load_catalog",
    "parse_catalog",
    "parse_limit",
    "parse_limits",
    "read_text",
]


def __getattr__(name: str) -> Any:
    """Load what reads documents when it is first asked for: an application never does."""
    if name in {"ImportResult", "import_markdown"}:
        from perfkit.catalog import importing  # noqa: PLC0415 - see above

        return getattr(importing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
