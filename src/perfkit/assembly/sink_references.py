"""List the places of a catalog that refer to sinks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from attrs import Factory, frozen

from perfkit.catalog import Catalog
from perfkit.catalog.problems import dotted
from perfkit.catalog.routes import DEFAULT_ROUTE
from perfkit.catalog.settings import DEFAULT_SINKS
from perfkit.model import Budget, Route, Sink

UNNAMED: Final = ""
"""The name of the reference to sinks that no route, budget or default refers to."""


@frozen(kw_only=True)
class SinkReference:
    """A place in a catalog that refers to sinks.

    Args:
        name: The name of the route, ``"route 2"`` for a route without a name, ``"default"``,
            ``"budget NAME"``, or `UNNAMED`.
        place: The path in the catalog, such as ``"routes[1].sinks"``.
        sinks: Names of sinks, or sinks.
        conditions: The conditions on violations for these sinks.
        budget: The only budget whose violations reach these sinks; None for any budget.
        source: The file of the catalog; empty for code.
        is_default: Whether these are the sinks of violations that no route matches.
    """

    name: str
    place: str
    sinks: Sequence[str | Sink]
    conditions: Route = Factory(lambda: Route(sinks=()))
    budget: Budget | None = None
    source: str = ""
    is_default: bool = False

    @property
    def names(self) -> Sequence[str]:
        """The names among the sinks, without repetition."""
        return tuple(dict.fromkeys(each for each in self.sinks if isinstance(each, str)))

    @property
    def full_place(self) -> str:
        """The file and the path, for messages."""
        return f"{self.source}: {self.place}" if self.source else self.place


def references_of(
    catalog: Catalog,
    sinks: Sequence[str | Sink] | None = None,
    routes: Sequence[Route] | None = None,
) -> list[SinkReference]:
    """Return every place that refers to sinks, in the order of matching, with distinct names.

    Args:
        catalog: The catalog with routes, settings, budgets and sinks.
        sinks: Replace the sinks of the settings.
        routes: Replace the routes of the catalog.
    """
    found: list[SinkReference] = []
    source = catalog.source
    listed = catalog.routes if routes is None else routes
    names = {route.name for route in listed if route.name}
    for at, route in enumerate(listed):
        found.append(
            SinkReference(
                name=route.name or _free(names, f"route {at + 1}", f"routes[{at}]"),
                place=dotted(("routes", at, "sinks")),
                sinks=route.sinks,
                conditions=route,
                source=source if routes is None else "",
            )
        )
    chosen = catalog.settings.sinks if sinks is None else sinks
    found.append(
        SinkReference(
            name=_free(names, DEFAULT_ROUTE, "settings.sinks"),
            place="settings.sinks" if sinks is None else "sinks",
            sinks=DEFAULT_SINKS if chosen is None else chosen,
            source=source if sinks is None else "",
            is_default=True,
        )
    )
    for budget in catalog.budgets:
        if budget.sinks is not None:
            place = dotted(("budgets", budget.name, "sinks"))
            name = _free(names, f"budget {budget.name}", place)
            found.append(
                SinkReference(
                    name=name, place=place, sinks=budget.sinks, budget=budget, source=source
                )
            )
    return found


def _free(taken: set[str], *choices: str) -> str:
    """Return the first of `choices` that is not in `taken`, and add it to `taken`."""
    # The user of ``perfkit sinks test --route`` selects by this name, so it must be unique, also
    # where a route has the name "default".
    others = (f"{choices[-1]} ({number})" for number in itertools.count(2))
    name = next(each for each in itertools.chain(choices, others) if each not in taken)
    taken.add(name)
    return name
