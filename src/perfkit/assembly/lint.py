"""Hold what a catalog says of sinks against what there is, without making any."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points

from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.assembly.sink_names import built_in_without_options, unknown_name, unknown_type
from perfkit.assembly.sink_options import check_declared
from perfkit.assembly.sink_references import references_of
from perfkit.assembly.sink_registry import ENTRY_POINTS, FAN_OUT, OTEL
from perfkit.catalog import Catalog
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.catalog.problems import quoted
from perfkit.errors import PerfkitError
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.text import printable


def problems_of_sinks(catalog: Catalog) -> list[str]:
    """Return what is wrong with the sinks of a catalog, one line each, as far as the file tells.

    That is types, options and names that do not exist, options that are missing or of another type,
    and fan-outs that lead to themselves. Environment variables are not looked at, and no sink is
    made: what is in the options is not known to be right.

    Args:
        catalog: Whose sinks, routes, budgets and settings are looked at.
    """
    looking = _Looking(catalog)
    return list(dict.fromkeys(printable(each) for each in looking.problems()))


class _Looking:
    """Looks at one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._types = {*BUILT_IN, OTEL, FAN_OUT, *entry_points(group=ENTRY_POINTS).names}

    def problems(self) -> Iterator[str]:
        for declared in self._catalog.sinks:
            yield from self._of_declared(declared)
        source = f"{self._catalog.source}: " if self._catalog.source else ""
        for naming in references_of(self._catalog):
            names = [each for each in naming.sinks if isinstance(each, str)]
            yield from self._of_names(f"{source}{naming.place}", names)

    def _of_declared(self, declared: SinkDeclaration) -> Iterator[str]:
        source = self._catalog.source
        if declared.type not in self._types:
            place = declared.place_of("type", source)
            yield f"{place}: {unknown_type(declared.type, self._types)}"
            return
        yield from _of_table(declared, source)
        if declared.type == FAN_OUT:
            yield from self._of_fan_out(declared, declared.place_of("sinks", source))

    def _of_fan_out(self, declared: SinkDeclaration, place: str) -> Iterator[str]:
        # What has a dollar in it may be an environment variable.
        names = [each for each in _members_of(declared) if "$" not in each]
        yield from self._of_names(place, names)
        if way := self._way_back_to(declared.name):
            yield f"{place}: it fans out to itself ({' -> '.join(way)}); leave one of them out"

    def _of_names(self, place: str, names: Sequence[str]) -> Iterator[str]:
        usable = {OTEL, *built_in_without_options()}
        for name in dict.fromkeys(names):
            if name in self._types and name not in self._declared:
                for problem in _of_table(SinkDeclaration(name=name, type=name), ""):
                    yield f"{place}: {problem}"
            elif name not in self._declared:
                problem = unknown_name(name, self._declared, self._types, usable)
                yield f"{place}: {problem}"

    def _way_back_to(self, name: str) -> tuple[str, ...]:
        """Return the way of fan-outs from one back to it; empty if there is none."""
        ways: deque[tuple[str, ...]] = deque([(name,)])
        seen = {name}
        while ways:
            way = ways.popleft()
            for member in _members_of(self._declared[way[-1]]):
                if member == name:
                    return (*way, name)
                if member in self._declared and member not in seen:
                    seen.add(member)
                    ways.append((*way, member))
        return ()


def _of_table(declared: SinkDeclaration, source: str) -> Iterator[str]:
    """Say what is wrong with the table of a sink of a type that there is."""
    is_ours = declared.type in {*BUILT_IN, OTEL, FAN_OUT}
    try:
        make = _span_factory_of(declared.type)
    except Exception as error:  # a package of somebody else may raise anything
        if is_signal_exception(error):
            raise
        place = declared.place_of("type", source)
        yield f"{place}: the package that brings {quoted(declared.type)} cannot be loaded: {error}"
        return
    try:
        check_declared(make, declared, source, with_types=is_ours)
    except PerfkitError as error:
        yield from str(error).split("\n")


def _span_factory_of(kind: str) -> Callable[..., object]:
    """Return what has the options of a type as its arguments.

    Raises:
        Exception: Whatever loading a package of somebody else raises.
    """
    if kind == FAN_OUT:
        return _of_sinks
    if kind == OTEL:
        return _of_nothing
    if kind in BUILT_IN:
        return BUILT_IN[kind]()
    (found, *_) = entry_points(group=ENTRY_POINTS, name=kind)
    loaded: Callable[..., object] = found.load()
    return loaded


def _of_sinks(sinks: Sequence[str]) -> None:
    """Say which options a fan-out has."""


def _of_nothing() -> None:
    """Say that there are no options."""


def _members_of(declared: SinkDeclaration) -> Sequence[str]:
    names = declared.options.get("sinks", ()) if declared.type == FAN_OUT else ()
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else ()
