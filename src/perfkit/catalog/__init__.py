"""Where budgets come from."""

from perfkit.catalog.catalog import Catalog, CatalogSettings, SinkDeclaration

__all__ = ["Catalog", "CatalogSettings", "SinkDeclaration"]
