"""Catalog files are found upwards, and files in a bad state are named as such."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfkit.catalog import find_catalog, load_catalog, read_text
from perfkit.errors import CatalogError

CATALOG = '[budgets.load]\nduration = "1s"\n'
PROJECT = '[tool.perfkit.budgets.load]\nduration = "1s"\n'


def problem_of(path: Path) -> str:
    """The one thing that is said of a file that cannot be loaded."""
    with pytest.raises(CatalogError) as caught:
        load_catalog(path)
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A folder three floors down."""
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(("name", "text"), [("perfkit.toml", CATALOG), ("pyproject.toml", PROJECT)])
def test_a_catalog_is_found_in_a_folder_above(
    tmp_path: Path, below: Path, name: str, text: str
) -> None:
    (tmp_path / "a" / name).write_text(text)

    assert find_catalog(below) == tmp_path / "a" / name


def test_the_search_begins_in_the_working_directory(
    below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (below / "perfkit.toml").write_text(CATALOG)
    monkeypatch.chdir(below)

    assert find_catalog() == below / "perfkit.toml"


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "a"\n',
        '[project]\ndependencies = ["perfkit"]\n',
        "# [tool.perfkit]\n",
        'text = """\n[tool.perfkit]\n"""\n',
        "[tool.perf",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_a_pyproject_without_the_table_is_passed_over(
    tmp_path: Path, below: Path, text: str
) -> None:
    (tmp_path / "perfkit.toml").write_text(CATALOG)
    (below / "pyproject.toml").write_text(text, encoding="latin-1")

    assert find_catalog(below) == tmp_path / "perfkit.toml"


def test_a_folder_called_perfkit_toml_is_passed_over(tmp_path: Path, below: Path) -> None:
    (tmp_path / "perfkit.toml").write_text(CATALOG)
    (below / "perfkit.toml").mkdir()

    assert find_catalog(below) == tmp_path / "perfkit.toml"


@pytest.mark.parametrize(
    ("nearest", "other"),
    [("pyproject.toml", "../perfkit.toml"), ("perfkit.toml", "pyproject.toml")],
)
def test_the_nearest_catalog_wins_and_perfkit_toml_in_one_folder(
    below: Path, nearest: str, other: str
) -> None:
    for name in (nearest, other):
        (below / name).write_text(PROJECT if "pyproject" in name else CATALOG)

    assert find_catalog(below) == below / nearest


def test_without_a_catalog_none_is_found(below: Path) -> None:
    found = find_catalog(below)

    assert found is None or below not in found.parents


def test_a_working_directory_that_is_gone_is_no_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)

    assert find_catalog() is None


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing.toml", "there is no such file; write the path of one that exists"),
        (".", "it is a folder; write the path of a file in it"),
        ("perfkit.toml/x", "there is no such file; write the path of one that exists"),
        ("a\0b", "it cannot be read (embedded null byte); write the path of a readable file"),
        ("a" * 5000, "it cannot be read (File name too long); write the path of a readable file"),
    ],
)
def test_a_path_that_is_no_file(
    path: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "perfkit.toml").write_text(CATALOG)
    monkeypatch.chdir(tmp_path)

    assert problem_of(Path(path)).endswith(f":1: file: {problem}")


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    path = tmp_path / "perfkit.toml"
    path.write_text(CATALOG)
    path.chmod(0)
    return path


@pytest.fixture
def _nobody(unreadable: Path) -> Iterator[None]:
    """Be somebody to whom permissions apply: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    yield
    os.seteuid(0)


@pytest.mark.usefixtures("_nobody")
def test_a_file_that_may_not_be_read(unreadable: Path) -> None:
    assert "it may not be read; allow it with: chmod u+r" in problem_of(unreadable)


def test_a_folder_that_may_not_be_searched_is_passed_over(
    below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", refuse)

    assert find_catalog(below) is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[budgets.load]\ncategory = 'caf\xe9'\n", "2: file: byte 0xe9"),
        (CATALOG.encode("utf-16"), "1: file: byte 0xff"),
    ],
)
def test_bytes_that_are_not_utf_8_are_told_with_their_line(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_bytes(data)

    assert problem_of(path) == f"{path}:{problem} is not UTF-8; save the file as UTF-8"


def test_ten_megabytes_are_refused_without_reading_them_all(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    with path.open("wb") as file:
        file.truncate(10 * 2**20)

    assert problem_of(path).endswith(
        "it is larger than 1 MiB, the most that is read; take out what is no budget, or split it"
    )


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(CATALOG + "#" * (2**20 - len(CATALOG)))

    assert len(read_text(path)) == 2**20
