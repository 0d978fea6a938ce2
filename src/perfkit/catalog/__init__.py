"""Where budgets come from: catalog files, documents, and limits written in code."""

from perfkit.catalog.catalog import Catalog, CatalogSettings, SinkDeclaration
from perfkit.catalog.files import find_catalog, read_text
from perfkit.catalog.limits import parse_limit, parse_limits
from perfkit.catalog.loading import load_catalog, parse_catalog
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
    "read_text",
]
