"""Build the delivery routes of a catalog: each place that refers to sinks, with these sinks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import Factory, evolve, frozen

from perfkit.assembly.defaults import assemble
from perfkit.assembly.env_vars import VariableNotSetError
from perfkit.assembly.resolving import UNNAMED, SinkReference, references_of
from perfkit.assembly.sink_registry import SinkRegistry
from perfkit.assembly.sink_types import FAN_OUT
from perfkit.catalog import Catalog, CatalogSettings
from perfkit.catalog.catalog import SinkDeclaration
from perfkit.errors import ConfigurationError, PerfkitError
from perfkit.instruments.options import as_sink
from perfkit.model import Budget, Direction, Limit, Metric, Route, Severity, Sink, Violation
from perfkit.otel.telemetry import Telemetry
from perfkit.probes.clock import SystemClock
from perfkit.runtime.settings import Settings
from perfkit.sinks.delivery.fan_out import FanOut
from perfkit.sinks.delivery.layer import Layer, layers_of
from perfkit.sinks.redaction import Redactor
from perfkit.text import printable


@frozen(kw_only=True)
class NamedSink:
    """A sink with its delivery layers, its filter and, for a fan-out, its members.

    Its name is that of the catalog, else the name of its class. `members` is None unless it is a
    fan-out.
    """

    name: str
    sink: Sink
    match: Route | None = None
    members: Sequence[NamedSink] | None = None

    @property
    def destination(self) -> str:
        """The receiver, as text for a report; empty if the sink does not name it."""
        try:
            found = str(getattr(layers_of(self.sink)[-1], "destination", ""))
            return self.redactor(found)
        except Exception:  # noqa: BLE001 - a sink of another package may raise anything
            return ""

    @property
    def redactor(self) -> Redactor:
        """The redactor of the secrets in the options of the sink."""
        return self.sink.stats.redactor if isinstance(self.sink, Layer) else Redactor()


@frozen(kw_only=True)
class DeliveryRoute:
    """A place of the catalog that refers to sinks, with its sinks and budgets.

    `budgets` are those whose violations may reach the sinks. `earlier` are the routes that are
    matched before this one; None if it is not in `[[routes]]`. `unmade` has the reason by name for
    each sink that cannot be built here, because variables are not set, and that no violation
    reaches in this environment.
    """

    reference: SinkReference
    sinks: Sequence[NamedSink]
    budgets: Sequence[Budget]
    earlier: Sequence[Route] | None = None
    environment: str = ""
    unmade: Mapping[str, str] = Factory(dict)

    @property
    def name(self) -> str:
        """The route's name, ``"default"``, ``"budget NAME"``, or `UNNAMED`."""
        return self.reference.name

    def accepts(self, violation: Violation) -> bool:
        """Return whether the router sends `violation` to these sinks."""
        # The default accepts all of severity `warning` and above, although routes may match them:
        # a budget in code, which the catalog does not list, may match none.
        budget = self.reference.budget
        has_own = violation.budget.sinks is not None and violation.severity is not Severity.INFO
        if budget is not None:
            return has_own and violation.budget.name == budget.name
        if self.earlier is None:
            return self.reference.conditions.matches(violation)
        is_taken = has_own or any(route.matches(violation) for route in self.earlier)
        return not is_taken and self.reference.conditions.matches(violation)


def routes_of(catalog: Catalog, route: str | None = None) -> list[DeliveryRoute]:
    """Return the delivery routes of `catalog`, under its settings.

    Only the sinks of these routes are built. `route` names one of them. If it is None, unreferenced
    sinks are included, and the variables of a sink may be unset if no violation reaches the sink in
    this environment, as in the application.

    Raises:
        ConfigurationError: If no route has that name or sinks cannot be built; lists all problems.
    """
    known = references_of(catalog)
    chosen = [reference for reference in known if route in {None, reference.name}]
    problems = []
    # After a wrong name all routes are built, so that the other problems are reported with it.
    if not chosen:
        names = ", ".join(printable(reference.name) for reference in known)
        problems.append(f"no route is called {route!r}; there are {names}")
        chosen = known
    if route is None or problems:
        chosen += _unreferenced(catalog, known)
    builder = _RouteBuilder(catalog, problems, needs_all=route is not None)
    routes = [builder.build(reference) for reference in chosen]
    if problems:
        raise ConfigurationError("\n".join(dict.fromkeys("\n".join(problems).split("\n"))))
    return routes


def _unreferenced(catalog: Catalog, known: Sequence[SinkReference]) -> Iterator[SinkReference]:
    """Yield one reference to all sinks without a reference, if there are any."""
    named = {sink for reference in known for sink in reference.sinks if isinstance(sink, str)}
    for declared in catalog.sinks:
        if declared.type == FAN_OUT:
            named |= set(map(str, declared.options.get("sinks", ())))
    left = [declared.name for declared in catalog.sinks if declared.name not in named]
    if left:
        yield SinkReference(name=UNNAMED, place="sinks", sinks=left)


class _RouteBuilder:
    """Builds the sinks of delivery routes, and appends each problem to `problems`."""

    def __init__(self, catalog: Catalog, problems: list[str], *, needs_all: bool) -> None:
        self._catalog = catalog
        self._declared = {sink.name: sink for sink in catalog.sinks}
        self._problems = problems
        self._needs_all = needs_all
        # Inline: the result exists when `emit` returns. A sink whose options request a queue still
        # has one, and the test flushes it.
        self._registry = SinkRegistry(catalog, Telemetry(), SystemClock(), in_background=False)
        self._environment = ""
        try:
            self._environment = _settings_of(catalog).environment
        except PerfkitError as error:
            problems.append(str(error))

    def build(self, reference: SinkReference) -> DeliveryRoute:
        unmade: dict[str, str] = {}
        made = (sink for each in reference.sinks for sink in self._make(each, reference, unmade))
        # A sink that the route names twice receives each violation once.
        sinks = {id(each.sink): each for each in made}
        return DeliveryRoute(
            reference=reference,
            sinks=tuple(sinks.values()),
            budgets=(reference.budget,) if reference.budget else self._catalog.budgets or _SAMPLES,
            earlier=self._earlier(reference),
            environment=self._environment,
            unmade=unmade,
        )

    def _earlier(self, reference: SinkReference) -> Sequence[Route] | None:
        """Return the routes that are matched before this one; None if it is not a route."""
        # With routing "all" every matching route is used, so no earlier route excludes a violation.
        routes = self._catalog.routes
        place = next((at for at, each in enumerate(routes) if each is reference.conditions), None)
        if place is None or self._catalog.settings.routing == "all":
            return None if place is None else ()
        return routes[:place]

    def _make(
        self, choice: str | Sink, reference: SinkReference, unmade: dict[str, str]
    ) -> Iterator[NamedSink]:
        sink = as_sink(choice)
        if not isinstance(sink, str):
            chain = self._registry.wrap_layers(sink)
            yield self._named(_name_of(chain), chain)
            return
        try:
            yield self._named(sink, self._registry.find(sink))
        except PerfkitError as error:
            if isinstance(error, VariableNotSetError) and self._may_be_unmade(reference):
                unmade[sink] = "; ".join(str(error).split("\n"))
                return
            place = "" if sink in self._declared else self._place_of(reference)
            self._problems += [f"{place}{line}" for line in str(error).split("\n")]

    def _may_be_unmade(self, reference: SinkReference) -> bool:
        """Return whether no violation reaches `reference` here, and no option selected it."""
        glob = reference.conditions.environment
        is_elsewhere = glob is not None and not fnmatchcase(self._environment, glob)
        return not self._needs_all and (is_elsewhere or reference.name == UNNAMED)

    def _place_of(self, reference: SinkReference) -> str:
        source = self._catalog.source
        return f"{source}: {reference.place}: " if source else f"{reference.place}: "

    def _named(self, name: str, chain: Sink) -> NamedSink:
        declared = self._declared.get(name)
        members = None
        if (inner := _members_of(chain, declared)) is not None:
            names = self._member_names(declared)
            members = [self._named(names.get(id(each)) or _name_of(each), each) for each in inner]
        match = declared.policy.match if declared else None
        return NamedSink(name=name, sink=chain, match=match, members=members)

    def _member_names(self, declared: SinkDeclaration | None) -> Mapping[int, str]:
        """Return the declared names of a fan-out's members, by the ids of the sinks."""
        # Not from the stats of a member, because several sinks may share their stats.
        names: dict[int, str] = {}
        for name in declared.options.get("sinks", ()) if declared else ():
            # These names are from the file, so a name with ${NAME} in it is not found.
            with suppress(PerfkitError):
                names[id(self._registry.find(name))] = name
        return names


def _members_of(chain: Sink, declared: SinkDeclaration | None) -> Sequence[Sink] | None:
    """Return the sinks of a fan-out; None for any other sink."""
    innermost: Any = layers_of(chain)[-1]
    is_fan_out = isinstance(innermost, FanOut) or (
        declared is not None and declared.type == FAN_OUT
    )
    return tuple(innermost.sinks) if is_fan_out else None


def _name_of(chain: Sink) -> str:
    return chain.stats.sink if isinstance(chain, Layer) else type(chain).__name__


def _settings_of(catalog: Catalog) -> Settings:
    """Return the settings of the catalog, without any sink."""
    # Without sinks, because `assemble` would build all of them and raise their problems.
    bare = evolve(
        catalog,
        budgets=[evolve(budget, sinks=None) for budget in catalog.budgets],
        settings=evolve(catalog.settings, sinks=()),
        routes=(),
        sinks=(),
    )
    return assemble(bare, CatalogSettings(enabled=True))


_SAMPLES: Final = (
    Budget(
        name="perfkit_test",
        description="A test of perfkit's sinks.",
        limits=(
            Limit(metric=Metric.DURATION, target=1.0, threshold=2.0, direction=Direction.AT_MOST),
        ),
    ),
)
"""The sample for a catalog without budgets, whose sinks are used by budgets in code."""
