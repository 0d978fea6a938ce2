"""Load the public names of a package when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str], loaded: str = ""
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package that loads names lazily.

    A name is imported at its first use, so that ``import perfkit`` stays light. ``dir()`` lists
    it before that, so that completion in a REPL shows it.

    Args:
        package: The package's ``__name__``.
        modules: For each module, by its absolute name, the names that it defines, separated by
            blanks.
        loaded: Public names that the package has imported already, likewise.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}
    public = sorted({*homes, *loaded.split()})

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return public, get, lambda: public
