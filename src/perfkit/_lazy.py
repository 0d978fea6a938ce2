"""Load the public names of a package when they are first used."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final


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
        found = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, found)  # later uses do not come here
        return found

    return public, get, lambda: public


_LAZY: Final[type | None] = getattr(types, "LazyImportType", None)
_resolved: Final[set[str]] = set()


def load_lazy_imports() -> None:
    """Run the imports that ``-X lazy_imports=all`` of Python 3.15 has postponed in perfkit.

    Otherwise they run inside the first measured call, and count as its time and memory. So do those
    of the modules that are loaded hereby. Costs nothing where imports are not postponed.
    """
    if _LAZY is None or sys.get_lazy_imports() != "all":  # type: ignore[attr-defined]  # 3.15
        return
    _load_imports_of_perfkit()  # pragma: no cover - tested on 3.15


def _load_imports_of_perfkit() -> None:  # pragma: no cover - tested on 3.15
    loaded_before = {name for name in sys.modules if name.partition(".")[0] != "perfkit"}
    while pending := sys.modules.keys() - loaded_before - _resolved:
        _resolved.update(pending)
        for name in pending:
            _load_imports_of(sys.modules[name])


def _load_imports_of(module: types.ModuleType) -> None:  # pragma: no cover - on 3.15
    for name, value in list(vars(module).items()):
        if type(value) is _LAZY:
            try:
                getattr(module, name)
            except ImportError:
                continue  # the import fails again, where its name is used
