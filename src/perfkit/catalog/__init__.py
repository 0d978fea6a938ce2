"""Where budgets come from: catalog files, documents, and limits written in code."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from perfkit.catalog.catalog import Catalog, CatalogSettings, SinkDeclaration

if TYPE_CHECKING:
    from perfkit.catalog.files import find_catalog, read_text
    from perfkit.catalog.limits import parse_limit, parse_limits
    from perfkit.catalog.loading import load_catalog, parse_catalog
    from perfkit.catalog.objectives import parse_objective
    from perfkit.catalog.writing import dump_catalog, line_text

__all__ = [
    "Catalog",
    "CatalogSettings",
    "SinkDeclaration",
    "dump_catalog",
    "find_catalog",
    "line_text",
    "load_catalog",
    "parse_catalog",
    "parse_limit",
    "parse_limits",
    "parse_objective",
    "read_text",
]

_HOMES: Final = {
    "dump_catalog": "writing",
    "find_catalog": "files",
    "line_text": "writing",
    "load_catalog": "loading",
    "parse_catalog": "loading",
    "parse_limit": "limits",
    "parse_limits": "limits",
    "parse_objective": "objectives",
    "read_text": "files",
}


def __getattr__(name: str) -> Any:
    """Load what reads and writes when it is first asked for: importing perfkit stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
