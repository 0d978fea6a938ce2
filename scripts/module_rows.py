"""Write the tables of modules in docs/architecture.md from the modules' docstrings.

usage: python scripts/module_rows.py          exit with 1 if the page differs
       python scripts/module_rows.py --write  update the page
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "perfkit"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules: begin -->\n", "<!-- modules: end -->\n"
GROUND = "model"


def main(arguments: list[str]) -> int:
    """Return 0 if the page has the rows of the present modules, or was updated."""
    page = PAGE.read_text(encoding="utf-8")
    updated = with_rows(page)
    if "--write" in arguments:
        PAGE.write_text(updated, encoding="utf-8")
    elif page != updated:
        print("docs/architecture.md is out of date; run: python scripts/module_rows.py --write")
        return 1
    return 0


def with_rows(page: str) -> str:
    """Return `page` with the rows of the present modules between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{''.join(sections())}{END}{after}"


def sections() -> Iterator[str]:
    """Yield a heading and a table for each floor, from the top down."""
    floors = _floors()
    for height, rooms in zip(range(len(floors) - 1, -1, -1), floors, strict=True):
        yield f"### Floor {height}\n\n| Module | Purpose |\n|---|---|\n"
        for room in rooms:
            yield from (f"| `{name}` | {purpose} |\n" for name, purpose in modules_of(room))
        yield "\n"


def modules_of(room: str) -> Iterator[tuple[str, str]]:
    """Yield each module of a room with the summary of its docstring; the package is first."""
    folder = SOURCE / room
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [SOURCE / f"{room}.py"]
    for file in sorted(files, key=lambda each: (each.parent, each.name != "__init__.py", each)):
        name = file.relative_to(SOURCE).as_posix().removesuffix("__init__.py")
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        yield name, re.sub(r"\s+", " ", docstring.split("\n\n")[0]).replace("|", "\\|")


def _floors() -> list[list[str]]:
    """Return the rooms of each floor of the import contract; `GROUND` and all below are one."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["id"] == "floors")
    floors = [[room.strip("() ") for room in layer.split("|")] for layer in layers]
    ground = floors.index([GROUND])
    return [*floors[:ground], [room for floor in floors[ground:] for room in floor]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
