"""Import the tables of a Markdown document as a catalog of budgets."""

from perfkit.document.importing import ImportResult, import_markdown

__all__ = ["ImportResult", "import_markdown"]
