"""Choose the sinks of a violation: budget first, then the routes, then the default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from perfkit.model import Route, Severity, Sink, Violation


@frozen(kw_only=True)
class Router:
    """Selects the sinks of a violation. Immutable; safe to share between threads.

    The most specific choice wins: the sinks of the budget, else those of the matching routes, else
    the default. A missed target (severity `info`) matches only a route that names `info`.

    Args:
        by_name: Every sink that a route or a budget can name.
        default: The sinks, or their names, of violations that neither a budget nor a route selects.
        routes: Tried in order.
        matches_all: Whether every matching route counts instead of the first. A sink that several
            of them name receives a violation once.
        uses_budget_sinks: Whether a budget's own choice of sinks counts.
    """

    by_name: Mapping[str, Sink]
    default: tuple[str | Sink, ...]
    routes: tuple[Route, ...] = ()
    matches_all: bool = False
    uses_budget_sinks: bool = True

    def sinks_for(self, violation: Violation) -> Sequence[Sink]:
        """Return the sinks of `violation`."""
        above_info = violation.severity is not Severity.INFO
        own_choice = violation.budget.sinks if self.uses_budget_sinks else None
        if above_info and own_choice is not None:
            return self.named(own_choice)
        matching = (route for route in self.routes if route.matches(violation))
        first = next(matching, None)
        if first is None:
            return self.named(self.default) if above_info else ()
        if not self.matches_all:
            return self.named(first.sinks)
        return self.named([sink for route in (first, *matching) for sink in route.sinks])

    @property
    def routes_missed_targets(self) -> bool:
        """Whether a route may match a missed target."""
        return any(route.severity is Severity.INFO for route in self.routes)

    def named(self, names: Sequence[str | Sink]) -> Sequence[Sink]:
        """Return the sinks called `names`, each once."""
        found = (self.by_name[name] if isinstance(name, str) else name for name in names)
        return tuple({id(sink): sink for sink in found}.values())
