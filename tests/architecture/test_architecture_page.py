"""What `docs/architecture.md` says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

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


def rooms_of_the_page() -> list[tuple[int, str, str]]:
    return [(int(floor), room.strip("`"), text) for floor, room, text in rows_below("## The rooms")]


def rooms_of_the_tree() -> set[str]:
    packages = {f"{path.parent.name}/" for path in ROOMS.glob("*/__init__.py")}
    return packages | {path.name for path in ROOMS.glob("*.py")} - {"__init__.py"}


def layers() -> list[set[str]]:
    """Return the rooms of each layer that the import contract has, from the top down."""
    return [
        {room.strip("() ") for room in layer.split("|")} for layer in CONTRACTS["floors"]["layers"]
    ]


def test_the_page_names_every_room_once_and_no_other() -> None:
    named = [room for _, room, _ in rooms_of_the_page()]

    assert sorted(named) == sorted(rooms_of_the_tree())


def test_every_module_that_the_page_names_is_in_its_room() -> None:
    missing = [
        f"{room}{module}"
        for _, room, text in rooms_of_the_page()
        for module in re.findall(r"`(\w+\.py)`", text)
        if not list((ROOMS / room).rglob(module))
    ]

    assert missing == []


def test_the_page_has_the_floors_of_the_import_contract() -> None:
    names = [re.sub(r"/|\.py", "", room) for _, room, _ in rooms_of_the_page()]
    floors = dict(zip(names, (floor for floor, _, _ in rooms_of_the_page()), strict=True))
    on_page = iter(names)

    assert [{next(on_page) for _ in layer} for layer in layers()] == layers()
    assert list(floors.values()) == sorted(floors.values(), reverse=True)
    for layer in layers():
        assert len({floors[room] for room in layer}) == 1


def test_only_the_ground_floor_has_rooms_above_each_other() -> None:
    floors = {re.sub(r"/|\.py", "", room): floor for floor, room, _ in rooms_of_the_page()}
    above_the_ground = [layer for layer in layers() if {floors[room] for room in layer} != {0}]

    assert [floors[min(layer)] for layer in above_the_ground] == list(
        range(len(above_the_ground), 0, -1)
    )


def test_the_page_has_the_homes_of_the_import_contracts() -> None:
    on_page = {
        library.strip("`"): {home.strip("` ") for home in homes.split(",")} - {"nowhere"}
        for library, homes in rows_below("## Homes of other people's libraries")
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
        for path in (ROOMS / "otel").glob("*.py")
        for name in re.findall(r'"((?:perfkit|code|error)\.[a-z_.]+)', path.read_text("utf-8"))
    }
    section = PAGE.split("## What OpenTelemetry sees", 1)[1]
    on_page = {
        name.removesuffix(".*")
        for name in re.findall(r"`((?:perfkit|code|error)\.[a-z_.]+\*?)`", section)
    }

    assert on_page - {"perfkit."} == in_code
