"""Build the router from the sinks and routes of the catalog and of the code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from attrs import evolve

from perfkit.assembly.env_vars import VariableNotSetError
from perfkit.assembly.resolving import SinkReference, problems_of_sinks, references_of
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.catalog import Catalog
from perfkit.catalog.problems import shown
from perfkit.errors import ConfigurationError
from perfkit.model import Route, Sink
from perfkit.sinks import Router

if TYPE_CHECKING:
    from perfkit.instruments.options import SinkChoice


def make_router(  # noqa: PLR0913 - each is one of the settings, the last two by name
    catalog: Catalog,
    registry: SinkRegistry,
    sinks: Sequence[SinkChoice] | None = None,
    routes: Sequence[Route] | None = None,
    *,
    matches_all: bool = False,
    environment: str = "",
) -> Router:
    """Build the router and check every sink that the catalog names; report all problems at once.

    The variables of a sink that no route reaches in this environment may be unset. The first
    look-up of such a sink requires them. None for `sinks` means the default sinks of the settings,
    and for `routes` those of the catalog; with `matches_all`, every matching route is used.

    Raises:
        ConfigurationError: If sinks are unknown or cannot be built.
        TypeError: If an object in a list of sinks is not a sink.
    """
    problems = [] if sinks is None else [*_mistakes(sinks, "sinks")]
    for index, route in enumerate(routes or ()):
        problems += _mistakes(route.sinks, f"routes[{index}].sinks")
    if problems:
        raise ConfigurationError("\n".join(problems))
    references = references_of(catalog, _as_sinks(sinks), routes)
    default = next(each for each in references if each.is_default)
    _check_all(references, catalog, registry, environment)
    return Router(
        by_name=_ByName(registry),
        default=_wrapped(default.sinks, registry),
        routes=tuple(
            evolve(route, sinks=_wrapped(route.sinks, registry))
            for route in (catalog.routes if routes is None else routes)
        ),
        matches_all=matches_all,
    )


class _ByName(dict[str, Sink]):
    """Sinks by name. The layers of a sink are built at its first look-up."""

    def __init__(self, registry: SinkRegistry) -> None:
        super().__init__()
        self._registry = registry

    def __missing__(self, name: str) -> Sink:
        """Build the sink; raise `ConfigurationError` if it still cannot be built."""
        self[name] = found = self._registry.find(name)
        return found


def _check_all(
    references: Sequence[SinkReference], catalog: Catalog, registry: SinkRegistry, environment: str
) -> None:
    reached = {name for each in references if _matches(each, environment) for name in each.names}

    def check(name: str) -> None:
        try:
            registry.check(name)
        except VariableNotSetError:
            # A catalog of all environments has variables that only some of them set.
            if name in reached:
                raise

    # All problems are collected before one exception is raised, so that one run of the application
    # shows every line to correct.
    if problems := problems_of_sinks(catalog, references, check):
        raise ConfigurationError("\n".join(problems))


def _matches(reference: SinkReference, environment: str) -> bool:
    glob = reference.conditions.environment
    return glob is None or fnmatchcase(environment, glob)


def _as_sinks(sinks: Sequence[SinkChoice] | None) -> Sequence[str | Sink] | None:
    if sinks is None:
        return None
    from perfkit.instruments.options import as_sink  # noqa: PLC0415 - for sinks in code only

    return tuple(as_sink(each) for each in sinks)


def _wrapped(sinks: Sequence[str | Sink], registry: SinkRegistry) -> tuple[str | Sink, ...]:
    if all(isinstance(each, str) for each in sinks):
        return tuple(sinks)
    found = _as_sinks(sinks) or ()
    return tuple(each if isinstance(each, str) else registry.wrap_layers(each) for each in found)


def _mistakes(sinks: Any, place: str) -> Iterator[str]:
    if not isinstance(sinks, Collection):
        kind = shown(type(sinks).__name__)
        yield f"{place} is not a list, but of type {kind}; write [...] around it"
    else:
        for index, sink in enumerate(sinks):
            if isinstance(sink, type):
                name = shown(sink.__qualname__)
                yield f"{place}[{index}] is the class {name}; write {name}(...), which makes a sink"
