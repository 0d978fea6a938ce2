"""Turn the tables of a written performance document into a catalog."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import Factory, define, field, frozen

from perfkit.catalog.catalog import Catalog
from perfkit.catalog.cells import is_empty, read_flag
from perfkit.catalog.columns import Column, Role, Shape, shape_of, upright
from perfkit.catalog.document_limits import read_line, read_scaling
from perfkit.catalog.markdown import Cell, Table, read_document
from perfkit.catalog.naming import snake_case, unique_names
from perfkit.catalog.problems import shown
from perfkit.errors import CatalogError
from perfkit.model import Budget, Limit
