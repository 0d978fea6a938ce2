"""Find catalog files, and read text files with bounded size and clear errors."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Final

from perfkit.catalog.problems import shown
from perfkit.catalog.toml_positions import locate
from perfkit.errors import CatalogError

CATALOG_NAME: Final = "perfkit.toml"
PROJECT_NAME: Final = "pyproject.toml"
PROJECT_TABLE: Final = ("tool", "perfkit")
LARGEST_BYTES: Final = 2**20
"""Size of the largest file that is read, in bytes; enough for ten thousand budgets."""


def find_catalog(start: Path | None = None) -> Path | None:
    """Return the path of the nearest catalog file, in a folder or its parents.

    Args:
        start: The first folder; None means the working directory.

    Returns:
        The nearest ``perfkit.toml``, or ``pyproject.toml`` with a ``[tool.perfkit]`` table; the
        former if one folder has both. None if no folder has either.
    """
    try:
        folder = (start or Path.cwd()).absolute()
    except FileNotFoundError:  # the working directory was deleted
        return None
    for each in (folder, *folder.parents):
        for path in (each / CATALOG_NAME, each / PROJECT_NAME):
            if _is_catalog(path):
                return path
    return None


def read_text(path: str | PathLike[str]) -> str:
    """Read a text file in UTF-8, of `LARGEST_BYTES` at most.

    Raises:
        CatalogError: If it cannot be read, is too large or is not UTF-8.
    """
    source = shown(fspath(path), longest=500)
    try:
        with Path(path).open("rb") as file:
            # One byte more than is allowed, so that a larger file, or an endless one such as a
            # device, is recognized without reading it whole.
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CatalogError([f"{source}:1: file: {_cannot_read(error)}"]) from None
    if len(data) > LARGEST_BYTES:
        size = f"it is larger than {LARGEST_BYTES // 2**20} MiB, the most that is read"
        raise CatalogError([f"{source}:1: file: {size}; take out what is no budget, or split it"])
    try:
        # Editors on Windows may write a byte order mark, which tomllib rejects.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise CatalogError([f"{source}:{line}: file: {what}; save the file as UTF-8"]) from None


def _is_catalog(path: Path) -> bool:
    try:
        if path.name == CATALOG_NAME or not path.is_file():
            return path.is_file()
        text = read_text(path)
    except (OSError, CatalogError):
        # Most pyproject.toml files do not configure perfkit, so one that cannot be read must not
        # fail the search.
        return False
    # The substring test is cheap; `locate` then finds the table even in a file that is not valid
    # TOML, so that its syntax error is reported when it is loaded.
    return PROJECT_TABLE[-1] in text and PROJECT_TABLE in locate(text).lines


def _cannot_read(error: OSError | ValueError) -> str:
    for kind, answer in _ANSWERS.items():
        if isinstance(error, kind):
            return answer
    reason = getattr(error, "strerror", None) or str(error)
    return f"it cannot be read ({shown(reason, longest=200)}); write the path of a readable file"


_ANSWERS: Final = {
    FileNotFoundError: "there is no such file; write the path of one that exists",
    NotADirectoryError: "there is no such file; write the path of one that exists",
    IsADirectoryError: "it is a folder; write the path of a file in it",
    PermissionError: "it may not be read; allow it with: chmod u+r",
}
