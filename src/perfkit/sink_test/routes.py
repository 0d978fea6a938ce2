"""Which ways violations take, as a catalog says it, and the sinks at their ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from attrs import Factory, evolve, frozen

from perfkit.assembly.chains import SinkChains
from perfkit.assembly.defaults import ConfigureOptions, assemble
from perfkit.assembly.env_vars import VariableNotSetError
from perfkit.assembly.sink_references import UNNAMED, SinkReference, references_of
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.assembly.sink_types import FAN_OUT
from perfkit.catalog import Catalog, CatalogSettings
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.errors import ConfigurationError, PerfkitError
from perfkit.instruments.options import as_sink
from perfkit.model import Route, Sink
from perfkit.otel.telemetry import Telemetry
from perfkit.probes.clock import SystemClock
from perfkit.runtime.settings import Settings
from perfkit.sinks.delivery.fan_out import FanOut
from perfkit.sinks.delivery.layer import Layer, layers_of
from perfkit.text import printable


@frozen(kw_only=True)
class NamedSink:
    """A sink with the layers around it, as a violation finds it.

    Args:
        name: What it is called.
        sink: The outermost layer.
        only: What its filter lets through; None for everything.
        members: Of a fan-out, the sinks that it gives violations to; None for any other sink.
    """

    name: str
    sink: Sink
    only: Route | None = None
    members: Sequence[NamedSink] | None = None

    @property
    def destination(self) -> str:
        """Where it delivers to, for people; empty if it does not say."""
        try:
            return str(getattr(layers_of(self.sink)[-1], "destination", ""))
        except Exception:  # noqa: BLE001 - a sink of another package may raise anything
            return ""


@frozen(kw_only=True)
class Way:
    """A way that violations take, with the sinks that hear of them.

    Args:
        naming: What the catalog says of it.
        sinks: What is at its end.
        environment: Where the application runs.
        unmade: Why sinks are not there, by name: those that nothing in this environment leads to,
            and that lack variables.
    """

    naming: SinkReference
    sinks: Sequence[NamedSink]
    environment: str = ""
    unmade: Mapping[str, str] = Factory(dict)

    @property
    def name(self) -> str:
        """The route's, ``"default"``, ``"budget NAME"``, or `UNNAMED`."""
        return self.naming.name


def ways_of(catalog: Catalog, route: str | None = None) -> list[Way]:
    """Return the ways that violations take, under the settings of `catalog`.

    Only the sinks at their ends are made. Where all ways are asked for, a sink may lack variables
    if nothing leads to it in this environment, as is so in the application.

    Args:
        catalog: Whose sinks, routes and budgets count.
        route: The name of one way; None means all of them, and the sinks that none of them names.

    Raises:
        ConfigurationError: If no way has that name, or sinks cannot be made; lists all of it.
    """
    known = references_of(catalog)
    chosen = [naming for naming in known if route in {None, naming.name}]
    problems = []
    if not chosen:
        names = ", ".join(printable(naming.name) for naming in known)
        problems.append(f"no route is called {route!r}; there are {names}")
        chosen = known
    if route is None or problems:
        chosen += _of_no_way(catalog, known)
    maker = _Maker(catalog, problems, needs_all=route is not None)
    ways = [maker.way_of(naming) for naming in chosen]
    if problems:
        raise ConfigurationError("\n".join(dict.fromkeys("\n".join(problems).split("\n"))))
    return ways


def _of_no_way(catalog: Catalog, known: Sequence[SinkReference]) -> Iterator[SinkReference]:
    """Yield a way to the sinks that nothing names, if there are any."""
    named = {sink for naming in known for sink in naming.sinks if isinstance(sink, str)}
    for declared in catalog.sinks:
        if declared.type == FAN_OUT:
            named |= set(map(str, declared.options.get("sinks", ())))
    left = [declared.name for declared in catalog.sinks if declared.name not in named]
    if left:
        yield SinkReference(name=UNNAMED, place="sinks", sinks=left)


class _Maker:
    """Makes the sinks of ways, and notes in `problems` what is wrong with them."""

    def __init__(self, catalog: Catalog, problems: list[str], *, needs_all: bool) -> None:
        self._source = catalog.source
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._problems = problems
        self._needs_all = needs_all
        self._chains = SinkChains(SystemClock(), in_background=False)
        self._shelf = SinkRegistry(catalog, Telemetry(), self._chains)
        self._environment = ""
        try:
            self._environment = _settings_of(catalog).environment
        except PerfkitError as error:
            problems.append(str(error))

    def way_of(self, naming: SinkReference) -> Way:
        unmade: dict[str, str] = {}
        made = (sink for each in naming.sinks for sink in self._made(each, naming, unmade))
        sinks = {id(each.sink): each for each in made}  # one that is named twice hears once
        return Way(
            naming=naming,
            sinks=tuple(sinks.values()),
            environment=self._environment,
            unmade=unmade,
        )

    def _made(
        self, choice: str | Sink, naming: SinkReference, unmade: dict[str, str]
    ) -> Iterator[NamedSink]:
        sink = as_sink(choice)
        if not isinstance(sink, str):
            chain = self._shelf.wrap_layers(sink)
            yield self._named(_name_of(chain), chain)
            return
        try:
            yield self._named(sink, self._shelf.find(sink))
        except PerfkitError as error:
            if isinstance(error, VariableNotSetError) and self._is_far(naming):
                unmade[sink] = "; ".join(str(error).split("\n"))
                return
            place = "" if sink in self._declared else self._place_of(naming)
            self._problems += [f"{place}{line}" for line in str(error).split("\n")]

    def _is_far(self, naming: SinkReference) -> bool:
        """Whether no violation goes this way in this environment, and it was not asked for."""
        glob = naming.conditions.environment
        is_elsewhere = glob is not None and not fnmatchcase(self._environment, glob)
        return not self._needs_all and (is_elsewhere or naming.name == UNNAMED)

    def _place_of(self, naming: SinkReference) -> str:
        return f"{self._source}: {naming.place}: " if self._source else f"{naming.place}: "

    def _named(self, name: str, chain: Sink) -> NamedSink:
        declared = self._declared.get(name)
        members = None
        if (inner := _inside(chain, declared)) is not None:
            names = self._names_in(declared)
            members = [self._named(names.get(id(each)) or _name_of(each), each) for each in inner]
        only = declared.policy.match if declared else None
        return NamedSink(name=name, sink=chain, only=only, members=members)

    def _names_in(self, declared: SinkDeclaration | None) -> Mapping[int, str]:
        """Return the names of the members of a fan-out: an account may stand for many sinks."""
        names: dict[int, str] = {}
        for name in declared.options.get("sinks", ()) if declared else ():
            with suppress(PerfkitError):  # a name may hold a variable
                names[id(self._shelf.find(name))] = name
        return names


def _inside(chain: Sink, declared: SinkDeclaration | None) -> Sequence[Sink] | None:
    """Return the sinks of a fan-out; None of any other sink."""
    ending: Any = layers_of(chain)[-1]
    is_fan_out = isinstance(ending, FanOut) or (declared is not None and declared.type == FAN_OUT)
    return tuple(ending.sinks) if is_fan_out else None


def _name_of(chain: Sink) -> str:
    return chain.stats.sink if isinstance(chain, Layer) else type(chain).__name__


def _settings_of(catalog: Catalog) -> Settings:
    """Return what the catalog says beside its sinks, none of which is made."""
    bare = evolve(
        catalog,
        budgets=[evolve(budget, sinks=None) for budget in catalog.budgets],
        settings=evolve(catalog.settings, sinks=()),
        routes=(),
        sinks=(),
    )
    return assemble(bare, ConfigureOptions(settings=CatalogSettings(enabled=True)))
