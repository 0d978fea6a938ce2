"""Which sinks there are by name, and the router between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from attrs import asdict, evolve

from perfkit.assembly.builtin_sinks import BUILT_IN
from perfkit.assembly.expansion import Expanded, expand, mask
from perfkit.assembly.sink_chains import SinkChains
from perfkit.assembly.sink_options import check_options
from perfkit.catalog import Catalog
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.errors import ConfigurationError, PerfkitError
from perfkit.instruments.request import as_sink
from perfkit.model import Policy, Route, Sink
from perfkit.otel.telemetry import Telemetry
from perfkit.sinks import Router
from perfkit.sinks.forks import survive_forks

if TYPE_CHECKING:
    from perfkit.instruments.request import SinkChoice

ENTRY_POINTS: Final = "perfkit.sinks"
OTEL: Final = "otel"
FAN_OUT: Final = "fan_out"
"""Types of sinks that need what the shelf has, beside those that are built in."""


def make_router(
    catalog: Catalog,
    chosen: Sequence[SinkChoice],
    shelf: SinkShelf,
    routes: Sequence[Route] | None = None,
    *,
    matches_all: bool = False,
) -> Router:
    """Build the router, with every sink that the catalog names; report all that is wrong at once.

    Args:
        catalog: Whose budgets, routes and sinks count.
        chosen: The sinks where nothing else says.
        shelf: Where sinks are found by name.
        routes: Replace those of the catalog; None means the catalog's.
        matches_all: Whether every route that matches counts.

    Raises:
        ConfigurationError: If sinks are unknown or cannot be made.
    """
    made = [_with_sinks(route) for route in (catalog.routes if routes is None else routes)]
    default = [as_sink(sink) for sink in chosen]
    named = [*default, *(sink for route in made for sink in route.sinks)]
    names = {sink for sink in named if isinstance(sink, str)}
    names |= {name for budget in catalog.budgets for name in budget.sinks or ()}
    names |= {sink.name for sink in catalog.sinks}
    by_name, problems = {}, []
    for name in sorted(names):
        try:
            by_name[name] = shelf.find(name)
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(_each_once(problems)))
    return Router(
        by_name=by_name,
        default=tuple(by_name[s] if isinstance(s, str) else shelf.adopt(s) for s in default),
        routes=tuple(_adopted(route, shelf) for route in made),
        matches_all=matches_all,
    )


def _with_sinks(route: Route) -> Route:
    return evolve(route, sinks=tuple(as_sink(sink) for sink in route.sinks))


def _adopted(route: Route, shelf: SinkShelf) -> Route:
    sinks = (sink if isinstance(sink, str) else shelf.adopt(sink) for sink in route.sinks)
    return evolve(route, sinks=tuple(sinks))


class SinkShelf:
    """Finds a sink by its name: declared in the catalog, built in, or brought by another package.

    Each name gives one sink, with its layers, made when it is first asked for. Safe from any
    thread.

    Args:
        catalog: Whose ``[sinks.NAME]`` tables count.
        telemetry: Where the sink ``otel`` reports to.
        chains: Puts the layers around a sink.
    """

    def __init__(self, catalog: Catalog, telemetry: Telemetry, chains: SinkChains) -> None:
        self._source = catalog.source
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._telemetry = telemetry
        self._chains = chains
        self._made: dict[str, Sink] = {}
        self.start_anew()
        survive_forks(self)

    def start_anew(self) -> None:
        """Be free of a lock that another thread held, in the child of a fork."""
        self._lock = threading.RLock()
        self._being_made: list[str] = []

    def find(self, name: str) -> Sink:
        """Return the sink called `name`.

        Raises:
            ConfigurationError: If there is none, or it cannot be made; it holds no option's value.
        """
        with self._lock:
            if name not in self._made:
                declared = self._declared.get(name) or SinkDeclaration(name=name, type=name)
                self._made[name] = self._make(declared)
            return self._made[name]

    def adopt(self, sink: Sink) -> Sink:
        """Return a sink that the code has made, with the layers that every sink has."""
        return self._chains.adopt(sink)

    def _make(self, declared: SinkDeclaration) -> Sink:
        place = self._place_of(declared.name)
        make = self._maker_of(declared)
        if make is None:
            raise ConfigurationError(self._unknown(declared))
        expanded = self._expanded(place, declared, make)
        if declared.type == FAN_OUT:
            sink = self._fan_out(declared.name, expanded.options["sinks"])
        else:
            with _told_of(place, expanded.values):
                sink = _checked(make(**expanded.options))
        with _told_of(place):
            _check_policy(sink, declared.policy)
            return self._chains.declared(declared.name, declared.type, sink, declared.policy)

    def _expanded(
        self, place: str, declared: SinkDeclaration, make: Callable[..., Sink]
    ) -> Expanded:
        is_ours = declared.type in {*BUILT_IN, OTEL, FAN_OUT}
        with _told_of(place):
            check_options(make, declared.options, with_types=is_ours)
            return expand(declared.options)

    def _maker_of(self, declared: SinkDeclaration) -> Callable[..., Sink] | None:
        if declared.type == OTEL:
            return self._event_sink
        if declared.type == FAN_OUT:
            return _of_sinks
        if declared.type in BUILT_IN:
            return BUILT_IN[declared.type]()
        return _plugged_in(declared.type)

    def _unknown(self, declared: SinkDeclaration) -> str:
        types = {*BUILT_IN, OTEL, FAN_OUT, *entry_points(group=ENTRY_POINTS).names}
        if declared.name in self._declared:
            where = self._place_of(declared.name)
            return (
                f"{where}: no sink is of type {declared.type!r}; {_nearest(declared.type, types)}"
            )
        names = types | set(self._declared)
        return f"no sink is called {declared.name!r}; {_nearest(declared.name, names)}"

    def _place_of(self, name: str) -> str:
        is_in_file = self._source and name in self._declared
        return f"{self._source}: sinks.{name}" if is_in_file else f"sink {name!r}"

    def _event_sink(self) -> Sink:
        from perfkit.otel.events import EventSink  # noqa: PLC0415 - loads the logs API

        return EventSink(self._telemetry)

    def _fan_out(self, name: str, names: Sequence[str]) -> Sink:
        from perfkit.sinks.layers.fan_out import FanOut  # noqa: PLC0415 - where it is asked for

        place = self._place_of(name)
        if name in self._being_made:
            way = " -> ".join([*self._being_made[self._being_made.index(name) :], name])
            raise ConfigurationError(
                f"{place}: it fans out to itself ({way}); leave one of them out"
            )
        found, problems = [], []
        self._being_made.append(name)
        try:
            for each in dict.fromkeys(names):
                try:
                    found.append(self.find(each))
                except ConfigurationError as error:
                    problems.append(str(error) if each in self._declared else f"{place}: {error}")
        finally:
            self._being_made.pop()
        if problems:
            raise ConfigurationError("\n".join(_each_once(problems)))
        return FanOut(found)


def _of_sinks(sinks: Sequence[str]) -> Sink:
    """Say which options a fan-out has: the shelf makes it, out of what it finds."""
    raise NotImplementedError


@contextmanager
def _told_of(place: str, values: Collection[str] = ()) -> Iterator[None]:
    """Say where it was that a sink cannot be made, and none of the `values` that it got.

    Raises:
        ConfigurationError: In place of any exception, and without it as a cause: what a sink of
            another package raises may hold the secrets that it was given.
    """
    try:
        yield
    except PerfkitError as error:
        lines = mask(str(error), values).splitlines()
        raise ConfigurationError("\n".join(f"{place}: {line}" for line in lines)) from None
    except Exception as error:  # noqa: BLE001 - a sink may raise anything
        raise ConfigurationError(
            f"{place}: making it raised {type(error).__name__}; what that says is not shown, "
            "for it may hold secrets; correct its options"
        ) from None


def _checked(sink: Sink) -> Sink:
    if not isinstance(sink, Sink):
        raise ConfigurationError(
            f"what was made is of type {type(sink).__name__}, which has no emit"
        )
    return sink


def _check_policy(sink: Sink, policy: Policy) -> None:
    said = [key for key, value in asdict(policy, recurse=False).items() if value is not None]
    if said and getattr(sink, "reaches_caller", False) is True:
        raise ConfigurationError(
            f"{', '.join(said)} can do nothing for a sink that raises out of the call; leave it out"
        )


def _nearest(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"


def _each_once(problems: Sequence[str]) -> Sequence[str]:
    return tuple(dict.fromkeys(line for problem in problems for line in problem.splitlines()))


def _plugged_in(kind: str) -> Callable[..., Sink] | None:
    for entry_point in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            loaded: Callable[..., Sink] = entry_point.load()
        except Exception as error:
            raise ConfigurationError(
                f"the sink {kind!r} of {entry_point.value} cannot be loaded: {error}"
            ) from error
        return loaded
    return None
