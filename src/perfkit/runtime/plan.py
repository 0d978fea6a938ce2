"""What one callsite will do, decided once per generation and not at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve, frozen

from perfkit.errors import ConfigurationError, UnknownBudgetError
from perfkit.model import (
    Budget,
    Limit,
    Metric,
    Observer,
    Probe,
    Sink,
    Statistic,
    Violation,
    Where,
)
from perfkit.runtime import faults, settings
from perfkit.runtime.settings import Settings


@frozen(kw_only=True)
class Request:
    """What was asked for at a callsite: by a decorator or a block.

    Args:
        name: A budget of the catalog; None where only the limits here count.
        limits: Limits written in code; they replace the catalog's for the same metric.
        category, critical, description, spans: Replace the catalog's where not None.
        sinks: Sinks or names of sinks for violations here; None means what the settings say.
        metrics: Measured here even where no limit asks for them.
        explain: Kinds of evidence to gather at every call, such as ``"cpu"``.
    """

    name: str | None = None
    limits: tuple[Limit, ...] = ()
    category: str | None = None
    critical: bool | None = None
    description: str | None = None
    spans: str | None = None
    sinks: tuple[Sink | str, ...] | None = None
    metrics: frozenset[Metric] = frozenset()
    explain: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Plan:
    """What a callsite does at each call, under one generation of the settings."""

    generation: int
    revision: int
    is_settled: bool
    is_on: bool
    settings: Settings
    budget: Budget
    where: Where
    probes: tuple[Probe, ...]
    observers: tuple[Observer, ...]
    slowed_by: frozenset[str]
    sinks_for: Callable[[Violation], Sequence[Sink]]


class Callsite:
    """One decorated function or one block in the code, with its plan.

    Safe from any thread: two threads that find the plan stale both make the same new one.
    """

    __slots__ = ("_plan", "request", "where")

    def __init__(self, request: Request, where: Where) -> None:
        _remember_lines(request)
        self.request = request
        self.where = where
        self._plan: Plan | None = None

    def plan(self) -> Plan:
        """Return the plan in force, made anew if the settings or the providers changed."""
        plan = self._plan
        if plan is None or plan.generation != settings.state.generation or _is_outdated(plan):
            self._plan = plan = make_plan(self.request, self.where)
        return plan


_inline_lines: set[tuple[Metric, float]] = set()
_MOST_INLINE_LINES: Final = 200


def _remember_lines(request: Request) -> None:
    for limit in request.limits:
        if len(_inline_lines) < _MOST_INLINE_LINES:
            _inline_lines.update({(limit.metric, limit.target), (limit.metric, limit.threshold)})


def known_lines(metric: Metric) -> set[float]:
    """Return every target and threshold of `metric` that the catalog or the code has named so far.

    In the metric's base unit. What the code names is known from its decoration on.
    """
    limits = (limit for budget in settings.current().catalog.budgets for limit in budget.limits)
    written = {(each.metric, line) for each in limits for line in (each.target, each.threshold)}
    return {line for named, line in written | _inline_lines if named is metric}


def _is_outdated(plan: Plan) -> bool:
    return (
        plan.is_on and not plan.is_settled and plan.settings.telemetry.revision() != plan.revision
    )


def make_plan(request: Request, where: Where) -> Plan:
    """Decide what the callsite will do under the settings now in force.

    Raises:
        UnknownBudgetError: If the name is unknown and ``unknown_budgets`` is ``"raise"``.
    """
    generation = settings.state.generation
    now = settings.current()
    telemetry = now.telemetry
    budget = _resolve(request, where, now) if now.is_enabled else Budget(name=where.function)
    probes = _choose_probes(request, budget, now) if now.is_enabled else ()
    return Plan(
        generation=generation,
        revision=telemetry.revision(),
        is_settled=telemetry.is_settled(),
        is_on=now.is_enabled,
        settings=now,
        budget=budget,
        where=where,
        probes=probes,
        observers=(*telemetry.observers(), *now.observers) if now.is_enabled else (),
        slowed_by=frozenset(probe.slows for probe in probes if probe.slows),
        sinks_for=_choose_sinks(request, now),
    )


def _resolve(request: Request, where: Where, now: Settings) -> Budget:
    """Return the budget that holds at this place: the catalog's, with what the code says on top."""
    found = _look_up(request, now)
    base = found or Budget(name=request.name or where.function)
    replaced = {limit.metric for limit in request.limits}
    kept = tuple(limit for limit in base.limits if limit.metric not in replaced)
    category = base.category if request.category is None else request.category
    return evolve(
        base,
        limits=kept + request.limits,
        category=category,
        critical=base.critical if request.critical is None else request.critical,
        description=base.description if request.description is None else request.description,
        spans=request.spans
        or base.spans
        or now.catalog.settings.category_spans.get(category)
        or now.spans,
    )


def _look_up(request: Request, now: Settings) -> Budget | None:
    if request.name is None:
        return None
    found = now.catalog.get(request.name)
    if found is None and not request.limits:
        _complain(request.name, now)
    return found


def _complain(name: str, now: Settings) -> None:
    if now.unknown_budgets == "ignore":
        return
    nearest = now.catalog.nearest(name)
    source = now.catalog.source or "the catalog"
    hint = f"did you mean {nearest!r}?" if nearest else f"add [budgets.{name}] to it"
    message = f"budget {name!r} is not in {source}; {hint}"
    if now.unknown_budgets == "raise":
        raise UnknownBudgetError(message)
    faults.warn_once(("unknown budget", name), "perfkit: %s; until then it has no limits", message)


def _choose_probes(request: Request, budget: Budget, now: Settings) -> tuple[Probe, ...]:
    """Return the probes for the limits that a single call can be held to, and those asked for."""
    wanted = request.metrics | {
        limit.metric for limit in budget.limits if limit.statistic is Statistic.EACH
    }
    if wanted <= {Metric.DURATION} and not request.explain:
        return ()
    return tuple(
        probe
        for probe in faults.guarded("loading the probes", now.find_probes) or ()
        if probe.metrics & wanted or probe.explains in request.explain
    )


def _choose_sinks(request: Request, now: Settings) -> Callable[[Violation], Sequence[Sink]]:
    if request.sinks is None:
        return now.router.sinks_for
    chosen: list[Sink] = []
    for sink in request.sinks:
        try:
            chosen.append(now.find_sink(sink) if isinstance(sink, str) else sink)
        except ConfigurationError as error:
            faults.report(f"sink {sink}", error)
    return lambda _: chosen
