"""Run the examples of README, docs and docstrings.

In a page, every ``python`` block runs, in the order of the page and with the names of the blocks
before it, in a folder of its own. A block of another language whose first line is a comment with
nothing but a file's name, such as ``# perfkit.toml``, is written to that file for the blocks after
it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser
from tests.architecture.page_blocks import FILE_LANGUAGES, FILE_NAME

import perfkit


class FileBlockParser:
    """Finds the blocks that show a file, so that they are written where the next blocks look."""

    def __init__(self, language: str) -> None:
        self._blocks = CodeBlockParser(language, self._write)

    def __call__(self, document: Document) -> Iterable[Region]:
        """Return the blocks of `document` that name a file."""
        return (region for region in self._blocks(document) if FILE_NAME.match(region.parsed))

    def _write(self, example: Example) -> None:
        match = FILE_NAME.match(example.parsed)
        assert match is not None  # noqa: S101 - only such blocks were chosen
        Path(match[1]).write_text(example.parsed, encoding="utf-8")
        if match[1].endswith(".toml"):
            with perfkit.override(match[1]):  # a catalog that is shown has to be a good one
                pass


def set_up(namespace: dict[str, Any]) -> None:
    """Give a page its own folder and the default settings."""
    namespace["__name__"] = "__main__"
    folder = tempfile.TemporaryDirectory()
    namespace["_leave"] = (folder, Path.cwd())
    os.chdir(folder.name)
    perfkit.reset()


def tear_down(namespace: dict[str, Any]) -> None:
    """Leave the page's folder, and the settings as they were before any page."""
    folder, before = namespace["_leave"]
    os.chdir(before)
    folder.cleanup()
    perfkit.reset()


pages = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        *(FileBlockParser(language) for language in FILE_LANGUAGES),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    excludes=["docs/_build/*"],
    setup=set_up,
    teardown=tear_down,
)
docstrings = Sybil(
    parsers=[DocTestParser()], path="src", pattern="*.py", setup=set_up, teardown=tear_down
)

pytest_collect_file = (pages + docstrings).pytest()
