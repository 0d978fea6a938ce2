"""What `docs/architecture.md` says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts import module_rows

ROOT = Path(__file__).parents[2]
ROOMS = ROOT / "src" / "perfkit"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of each row of the first table below a heading of the page."""
    section = PAGE.split(f"{heading}\n", 1)[1]
    table = re.search(r"^\|[-|]+\|\n((?:\|.*\n)+)", section, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table[1].splitlines()]


def test_the_page_has_a_row_for_each_module_with_the_summary_of_its_docstring() -> None:
    assert module_rows.with_rows(PAGE) == PAGE


def test_the_floors_have_every_room_of_the_tree_and_no_other() -> None:
    packages = {path.parent.name for path in ROOMS.glob("*/__init__.py")}
    rooms = packages | {path.stem for path in ROOMS.glob("*.py")} - {"__init__"}
    floors = CONTRACTS["floors"]["layers"]

    assert {room.strip("() ") for floor in floors for room in floor.split("|")} == rooms


WALKS = {
    "severity `info`": r"return Severity\.INFO\b",
    "`perfkit.budget.state`": r"set_attribute\(names\.BUDGET_STATE",
    "JSON Lines file rotate": r"def _?rotate\w*\(",
    "unknown budget name": r"\.nearest\(name\)",
    "forked child": r"register_at_fork\(",
}


@pytest.mark.parametrize("question", WALKS)
def test_a_question_of_the_page_is_answered_in_the_one_file_that_it_names(question: str) -> None:
    answers = rows_below("## Where to find common answers")
    named = [row[1].strip("`") for row in answers if question in row[0]]
    found = [
        path.relative_to(ROOMS).as_posix()
        for path in sorted(ROOMS.rglob("*.py"))
        if re.search(WALKS[question], path.read_text(encoding="utf-8"))
    ]

    assert found == named


def test_the_page_has_the_homes_of_the_import_contracts() -> None:
    on_page = {
        library.strip("`"): {home.strip("` ") for home in homes.split(",")} - {"nowhere"}
        for library, homes in rows_below("## Third-party libraries")
    }
    contracts = [contract for key, contract in CONTRACTS.items() if key.startswith("home-")]

    assert on_page == {
        contract["forbidden_modules"][0]: {
            line.split(" -> ")[0].removeprefix("perfkit.").removesuffix(".**")
            for line in contract.get("ignore_imports", [])
        }
        for contract in contracts
    }


def test_the_page_names_what_opentelemetry_sees() -> None:
    in_code = {
        name.rstrip(".")
        for path in [*(ROOMS / "otel").glob("*.py"), ROOMS / "model" / "telemetry_names.py"]
        for name in re.findall(r'"((?:perfkit|code|error)\.[a-z_.]+)', path.read_text("utf-8"))
        if not name.startswith("perfkit.otel.")  # a module
    }
    section = PAGE.split("## Telemetry", 1)[1]
    on_page = {
        name.removesuffix(".*")
        for name in re.findall(r"`((?:perfkit|code|error)\.[a-z_.]+\*?)`", section)
    }

    assert on_page - {"perfkit."} == in_code
