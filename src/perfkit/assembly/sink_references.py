"""Find the places of a catalog that name sinks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from attrs import Factory, frozen

from perfkit.assembly.defaults import DEFAULT_SINKS
from perfkit.catalog import Catalog
from perfkit.catalog.problems import dotted
from perfkit.catalog.routes import DEFAULT_ROUTE
from perfkit.model import Budget, Route, Sink

UNNAMED: Final = ""
"""The name of the route to sinks that no route, budget or default names."""


@frozen(kw_only=True)
class SinkReference:
    """A place in a catalog that names sinks.

    Args:
        name: Of the way that it makes: the route's, ``"route 2"`` for one without a name,
            ``"default"``, ``"budget NAME"``, or `UNNAMED`.
        place: Where that is in the catalog, such as ``"routes[1].sinks"``.
        sinks: Names of sinks, or sinks.
        conditions: Which violations go there.
        budget: The one budget whose violations do; None for any.
    """

    name: str
    place: str
    sinks: Sequence[str | Sink]
    conditions: Route = Factory(lambda: Route(sinks=()))
    budget: Budget | None = None


def references_of(catalog: Catalog) -> list[SinkReference]:
    """Return every place that names sinks, those that match first in front; each has its own name.

    Args:
        catalog: Whose routes, settings, budgets and sinks count.
    """
    found: list[SinkReference] = []
    names = {route.name for route in catalog.routes if route.name}
    for at, route in enumerate(catalog.routes):
        name = route.name or _free(names, f"route {at + 1}", f"routes[{at}]")
        place = dotted(("routes", at, "sinks"))
        found.append(SinkReference(name=name, place=place, sinks=route.sinks, conditions=route))
    chosen = catalog.settings.sinks
    sinks = DEFAULT_SINKS if chosen is None else chosen
    name = _free(names, DEFAULT_ROUTE, "settings.sinks")
    found.append(SinkReference(name=name, place="settings.sinks", sinks=sinks))
    for budget in catalog.budgets:
        if budget.sinks is not None:
            place = dotted(("budgets", budget.name, "sinks"))
            name = _free(names, f"budget {budget.name}", place)
            found.append(SinkReference(name=name, place=place, sinks=budget.sinks, budget=budget))
    return found


def _free(taken: set[str], *choices: str) -> str:
    """Return the first of `choices` that no route is called, and see to it that it stays so."""
    others = (f"{choices[-1]} ({number})" for number in itertools.count(2))
    name = next(each for each in itertools.chain(choices, others) if each not in taken)
    taken.add(name)
    return name
