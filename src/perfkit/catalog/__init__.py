"""Parse budgets, limits and objectives from catalog files and code, and write catalogs."""

from typing import TYPE_CHECKING

from perfkit._lazy import lazy_names
from perfkit.catalog.catalog import Catalog as Catalog
from perfkit.catalog.catalog import CatalogSettings as CatalogSettings
from perfkit.catalog.catalog import SinkDeclaration as SinkDeclaration

if TYPE_CHECKING:
    from perfkit.catalog.limits import parse_limit as parse_limit
    from perfkit.catalog.limits import parse_limits as parse_limits
    from perfkit.catalog.loading import find_catalog as find_catalog
    from perfkit.catalog.loading import load_catalog as load_catalog
    from perfkit.catalog.loading import parse_catalog as parse_catalog
    from perfkit.catalog.loading import read_text as read_text
    from perfkit.catalog.objectives import parse_objective as parse_objective
    from perfkit.catalog.writing import dump_catalog as dump_catalog
    from perfkit.catalog.writing import line_text as line_text

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "perfkit.catalog.limits": "parse_limit parse_limits",
        "perfkit.catalog.loading": "find_catalog load_catalog parse_catalog read_text",
        "perfkit.catalog.objectives": "parse_objective",
        "perfkit.catalog.writing": "dump_catalog line_text",
    },
    loaded="Catalog CatalogSettings SinkDeclaration",
)
