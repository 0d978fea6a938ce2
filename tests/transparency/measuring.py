"""Put perfkit's decorator on everything public of a module that knows nothing of perfkit."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, Final

from perfkit import timed

MADE_BY_CLASS_STATEMENT: Final = {"__class_getitem__", "__init_subclass__", "__new__", "__init__"}


class Measurer:
    """Measures whole modules: those there are, and every later copy that a test imports.

    Tests often import a module anew, say without its C half, so the modules are measured as they
    are imported and not only once.

    Attributes:
        measured: The qualified name of all that was measured.
        refused: What could not be, with the reason.
    """

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages
        self.measured: set[str] = set()
        self.refused: dict[str, str] = {}

    def measure_now_and_later(self) -> None:
        """Measure what was imported already, and from now on all that is imported."""
        there = [name for name in sys.modules if self._is_meant(name)]
        aliases: dict[int, Any] = {}
        for name in there:
            aliases |= self.measure(sys.modules[name])
        for name in there:
            _replace(sys.modules[name], aliases)
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]  # finders need no base class

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Find a module as ever; measure it once it has run."""
        if not self._is_meant(name) or (spec := PathFinder.find_spec(name, path, target)) is None:
            return None
        loader: Any = spec.loader
        run = loader.exec_module

        def run_and_measure(module: types.ModuleType) -> None:
            run(module)
            _replace(module, self.measure(module))

        loader.exec_module = run_and_measure
        return spec

    def measure(self, module: types.ModuleType) -> dict[int, Any]:
        """Measure the public part of `module`; return what takes the place of what, by id."""
        aliases: dict[int, Any] = {}
        for name, value in _public_callables(module):
            place = f"{module.__name__}.{name}"
            if isinstance(value, type):
                self._measure_class(place, value)
            else:
                made = self._try(place, timed, value)
                aliases[id(value)] = made
        return aliases

    def _measure_class(self, place: str, cls: type) -> None:
        by_id: dict[int, Any] = {}  # a method may have two names
        for name, member in list(vars(cls).items()):
            if not _is_public_method(name, member):
                continue
            if id(member) not in by_id:
                by_id[id(member)] = self._try(f"{place}.{name}", _measure_member, member)
            setattr(cls, name, by_id[id(member)])
        self._try(place, timed, cls)

    def _try(self, place: str, measure: Callable[[Any], Any], value: Any) -> Any:
        try:
            made = measure(value)
        except (TypeError, AttributeError) as error:
            self.refused[place] = f"{type(error).__name__}: {error}"
            return value
        self.measured.add(place)
        return made

    def _is_meant(self, name: str) -> bool:
        return any(name == meant or name.startswith(f"{meant}.") for meant in self._packages)


def _replace(module: types.ModuleType, aliases: dict[int, Any]) -> None:
    for name, value in list(vars(module).items()):
        if id(value) in aliases:
            setattr(module, name, aliases[id(value)])


def _public_callables(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    exported = getattr(module, "__all__", ())
    for name, value in list(vars(module).items()):
        if not callable(value) or name.startswith("_"):
            continue
        home = getattr(value, "__module__", None)
        is_from_c = home == f"_{module.__name__}" and name in exported
        if home == module.__name__ or (is_from_c and not isinstance(value, type)):
            yield name, value


def _is_public_method(name: str, member: Any) -> bool:
    is_special = name.startswith("__") and name not in MADE_BY_CLASS_STATEMENT
    return isinstance(member, METHODS) and (is_special or not name.startswith("_"))


METHODS: Final = (
    types.FunctionType,
    staticmethod,
    classmethod,
    property,
    functools.cached_property,
    functools.singledispatchmethod,
)


def _measure_member(member: Any) -> Any:
    """Do as the message of the decorator says where a property is several functions."""
    if isinstance(member, property) and (member.fset or member.fdel):
        accessors = (member.fget, member.fset, member.fdel)
        measured = [accessor and timed(accessor) for accessor in accessors]
        return type(member)(*measured, doc=member.__doc__)
    return timed(member)
