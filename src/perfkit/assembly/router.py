"""Make the router of the settings, out of what the catalog and the code say of sinks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from perfkit.assembly.env_vars import VariableNotSetError
from perfkit.assembly.sink_registry import SinkRegistry, each_once
from perfkit.catalog import Catalog
from perfkit.catalog.problems import shown
from perfkit.errors import ConfigurationError
from perfkit.instruments.options import as_sink
from perfkit.model import Route, Sink
from perfkit.sinks import Router

if TYPE_CHECKING:
    from perfkit.instruments.options import SinkChoice


def make_router(  # noqa: PLR0913 - each is one of the settings, all but the first three by name
    catalog: Catalog,
    chosen: Sequence[SinkChoice],
    registry: SinkRegistry,
    routes: Sequence[Route] | None = None,
    *,
    matches_all: bool = False,
    environment: str = "",
    place: str = "sinks",
) -> Router:
    """Build the router, with every sink that the catalog names; report all that is wrong at once.

    A sink that nothing in this environment leads to may lack its variables. It is made when it is
    asked for after all, and then they have to be there.

    Args:
        catalog: Whose budgets, routes and sinks count.
        chosen: The sinks where nothing else says.
        registry: Where sinks are found by name.
        routes: Replace those of the catalog; None means the catalog's.
        matches_all: Whether every route that matches counts.
        environment: Where the application runs.
        place: What to call the place of `chosen` in messages.

    Raises:
        ConfigurationError: If sinks are unknown or cannot be made.
        TypeError: If something is given as a sink that is none.
    """
    given = catalog.routes if routes is None else routes
    prefix = _prefix(catalog) if routes is None else ""
    problems = [*_mistakes(chosen, place)]
    for index, route in enumerate(given):
        problems += _mistakes(route.sinks, f"{prefix}routes[{index}].sinks")
    if problems:
        raise ConfigurationError("\n".join(problems))
    made = [evolve(route, sinks=tuple(map(as_sink, route.sinks))) for route in given]
    default = [as_sink(sink) for sink in chosen]
    options = [_Asked(sink, place) for sink in default if isinstance(sink, str)]
    options += _asked_by_routes(made, prefix, environment)
    options += _asked_by_budgets(catalog)
    by_name = _find_all(options, catalog, registry)
    return Router(
        by_name=by_name,
        default=tuple(
            by_name[s] if isinstance(s, str) else registry.wrap_layers(s) for s in default
        ),
        routes=tuple(_adopted(route, registry) for route in made),
        matches_all=matches_all,
    )


@frozen
class _Asked:
    """The name of a sink, where it stands, and whether violations can come that way."""

    name: str
    place: str
    is_reachable: bool = True


class _ByName(dict[str, Sink]):
    """The sinks that are made, and those that are made when they are asked for."""

    def __init__(self, registry: SinkRegistry) -> None:
        super().__init__()
        self._shelf = registry

    def __missing__(self, name: str) -> Sink:
        """Make it; raises `ConfigurationError` where it still cannot be made."""
        self[name] = found = self._shelf.find(name)
        return found


def _find_all(options: Sequence[_Asked], catalog: Catalog, registry: SinkRegistry) -> _ByName:
    places = defaultdict[str, list[_Asked]](list)
    for each in options:
        places[each.name].append(each)
    declared = {sink.name for sink in catalog.sinks}
    by_name, problems = _ByName(registry), list[str]()
    for name in sorted({*places, *declared}):
        is_reachable = any(each.is_reachable for each in places[name])
        try:
            by_name[name] = registry.find(name)
        except VariableNotSetError as error:
            problems += str(error).splitlines() if is_reachable else ()
        except ConfigurationError as error:
            lines = str(error).splitlines()
            wheres = [""] if name in declared else [f"{each.place}: " for each in places[name]]
            problems += (f"{where}{line}" for where in wheres for line in lines)
    if problems:
        raise ConfigurationError("\n".join(each_once(problems)))
    return by_name


def _asked_by_routes(routes: Sequence[Route], prefix: str, environment: str) -> Iterator[_Asked]:
    for index, route in enumerate(routes):
        glob = route.environment
        is_reachable = glob is None or fnmatchcase(environment, glob)
        for sink in route.sinks:
            if isinstance(sink, str):
                yield _Asked(sink, f"{prefix}routes[{index}].sinks", is_reachable)


def _asked_by_budgets(catalog: Catalog) -> Iterator[_Asked]:
    for budget in catalog.budgets:
        for name in budget.sinks or ():
            yield _Asked(name, f"{_prefix(catalog)}budgets.{shown(budget.name)}.sinks")


def _prefix(catalog: Catalog) -> str:
    return f"{catalog.source}: " if catalog.source else ""


def _mistakes(sinks: Any, place: str) -> Iterator[str]:
    """Yield what is wrong with a list of sinks that somebody wrote in code."""
    if isinstance(sinks, str):
        yield f'{place} is a text; write ["{shown(sinks)}"]'
    elif not isinstance(sinks, Collection):
        kind = shown(type(sinks).__name__)
        yield f"{place} is no list, but of type {kind}; write [...] around it"
    else:
        for index, sink in enumerate(sinks):
            if isinstance(sink, type):
                name = shown(sink.__qualname__)
                yield f"{place}[{index}] is the class {name}; write {name}(...), which makes a sink"


def _adopted(route: Route, registry: SinkRegistry) -> Route:
    sinks = (sink if isinstance(sink, str) else registry.wrap_layers(sink) for sink in route.sinks)
    return evolve(route, sinks=tuple(sinks))
