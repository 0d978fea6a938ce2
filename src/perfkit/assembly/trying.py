"""Try sinks out: send a marked violation the way that real ones go, and see what comes of it."""

from __future__ import annotations

import fnmatch
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve, frozen

from perfkit.assembly.defaults import Asked, assemble
from perfkit.catalog import Catalog
from perfkit.catalog.limits import parse_limits
from perfkit.catalog.routes import DEFAULT_ROUTE
from perfkit.errors import BudgetExceeded, ConfigurationError
from perfkit.model import (
    LIMITABLE,
    Budget,
    Metric,
    Route,
    Severity,
    Sink,
    State,
    Violation,
    Where,
)
from perfkit.runtime.settings import Settings
from perfkit.sinks.accounts import Account, Totals
from perfkit.sinks.layers.layer import Layer, layers_of

_FLUSH_SECONDS: Final = 30.0
_BUDGET: Final = "perfkit_test"
_IN_ORDER: Final = (Severity.WARNING, Severity.CRITICAL, Severity.INFO)


@frozen(kw_only=True)
class Way:
    """Violations that some sinks hear of, and why.

    Args:
        name: The route's, ``"default"``, or ``"budget NAME"``.
        sinks: Their names and themselves.
        violation: A made-up violation that goes this way; None where none can be made up.
    """

    name: str
    sinks: Sequence[tuple[str, Sink]]
    violation: Violation | None


@frozen(kw_only=True)
class Tried:
    """What came of trying one sink.

    Args:
        way: The name of the way on which it was tried.
        sink: Its name.
        destination: Where it delivers to, for people; empty if it does not say.
        result: ``"delivered"``, ``"raised"``, ``"held back"``, ``"lost"`` or ``"not tried"``.
        reason: Why it is not delivered; else empty.
        seconds: How long it took.
    """

    way: str
    sink: str
    destination: str
    result: str
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether it went as it should: what is held back is so on purpose."""
        return self.result not in {"lost", "not tried"}


def ways_of(catalog: Catalog, route: str | None = None) -> list[Way]:
    """Return every way that violations take, under the settings of `catalog`.

    Args:
        catalog: Whose sinks, routes and budgets count.
        route: The name of one route, or ``"default"``; None means all of them.

    Raises:
        ConfigurationError: If a sink cannot be made, or no route has that name.
    """
    settings = assemble(catalog, Asked(delivery="inline", enabled=True))
    ways = list(_ways(catalog, settings))
    if route is None:
        return ways
    chosen = [way for way in ways if way.name == route]
    if not chosen:
        known = ", ".join(way.name for way in ways)
        raise ConfigurationError(f"no route is called {route!r}; there are {known}")
    return chosen


def try_way(way: Way) -> Iterator[Tried]:
    """Send a violation on its way, and yield what came of it at each sink."""
    for name, sink in way.sinks:
        destination = str(getattr(layers_of(sink)[-1], "destination", ""))
        if way.violation is None:
            reason = "no violation can be made up that it matches; its sinks hear of real ones"
            yield Tried(
                way=way.name, sink=name, destination=destination, result="not tried", reason=reason
            )
        else:
            yield _try(way.name, name, destination, sink, way.violation)


def _ways(catalog: Catalog, settings: Settings) -> Iterator[Way]:
    router = settings.router
    environment = settings.environment
    for number, route in enumerate(router.routes, 1):
        name = route.name or f"route {number}"
        sinks = [
            (_name_of(sink), found)
            for sink, found in zip(
                route.sinks, (router.named([sink])[0] for sink in route.sinks), strict=True
            )
        ]
        yield Way(name=name, sinks=sinks, violation=_violation_for(route, environment))
    usual = _violation_for(Route(sinks=()), environment)
    default = [(_name_of(sink), sink) for sink in router.default]
    yield Way(name=DEFAULT_ROUTE, sinks=default, violation=usual)
    for budget in catalog.budgets:
        if budget.sinks is not None:
            named = [(sink, router.by_name[sink]) for sink in budget.sinks]
            yield Way(name=f"budget {budget.name}", sinks=named, violation=usual)


def _name_of(sink: str | Sink) -> str:
    if isinstance(sink, str):
        return sink
    return sink.account.sink if isinstance(sink, Layer) else type(sink).__name__


def _try(way: str, name: str, destination: str, sink: Sink, violation: Violation) -> Tried:
    errors: list[Exception] = []
    account = Account(name, lambda _, error: errors.append(error))
    for layer in layers_of(sink):
        if isinstance(layer, Layer):
            layer.account = account  # of this trial alone
    began = time.monotonic()
    result = ""
    try:
        sink.emit(violation)
        if isinstance(sink, Layer):
            sink.flush(_FLUSH_SECONDS)
    except BudgetExceeded:
        result = "raised"
    seconds = time.monotonic() - began
    result, reason = (result, "") if result else _outcome(account.totals(), errors)
    return Tried(
        way=way, sink=name, destination=destination, result=result, reason=reason, seconds=seconds
    )


def _outcome(totals: Totals, errors: Sequence[Exception]) -> tuple[str, str]:
    if totals.delivered:
        return "delivered", ""
    if totals.suppressed:
        return "held back", ", ".join(totals.suppressed_by)
    reasons = [f"{error}" or type(error).__name__ for error in errors] or [*totals.dropped_by]
    return "lost", "; ".join(reasons) or "it still waits"


def _violation_for(route: Route, environment: str) -> Violation | None:
    """Make up a violation that `route` matches, and say that it is one."""
    metrics = [each for each in LIMITABLE if fnmatch.fnmatchcase(each, route.metric or "*")]
    metric = Metric.DURATION if Metric.DURATION in metrics else next(iter(metrics), None)
    if metric is None:
        return None
    place = environment or _example_of(route.environment)
    for severity, name in itertools.product(_IN_ORDER, (_BUDGET, _example_of(route.budget))):
        made_up = _made_up(metric, name, _example_of(route.category), severity)
        found = evolve(made_up, state=route.state or made_up.state, environment=place)
        if route.matches(found):
            return found
    return None


def _example_of(glob: str | None) -> str:
    """Return a text that a simple glob matches."""
    return "" if glob is None else glob.replace("*", "test").replace("?", "x")


def _made_up(metric: Metric, budget: str, category: str, severity: Severity) -> Violation:
    state = State.DEGRADED if severity is Severity.INFO else State.VIOLATED
    is_critical = severity is Severity.CRITICAL
    promise = Budget(
        name=budget or _BUDGET,
        category=category,
        critical=is_critical,
        description="A test of perfkit's sinks.",
    )
    (limit,) = parse_limits(metric, {"target": 1.0, "threshold": 2.0})
    return Violation(
        budget=promise,
        limit=limit,
        value=3.0 if limit.direction.value == "at_most" else 0.5,
        state=state,
        severity=severity,
        where=Where(function="perfkit sinks test"),
        at_ns=time.time_ns(),
        is_test=True,
    )
