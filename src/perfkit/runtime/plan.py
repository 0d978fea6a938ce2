"""What one callsite will do, decided once per generation and not at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Final

from attrs import evolve, frozen

from perfkit.errors import ConfigurationError, UnknownBudgetError
from perfkit.evaluation import ROOM, Lines, Tally, is_judged_by_duration, lines_of
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
from perfkit.runtime.request import Request, inline_lines
from perfkit.runtime.settings import Recorder, Settings, ShortCut, Tracing
from perfkit.runtime.state import state


@frozen(kw_only=True, eq=False)
class Plan:
    """What a callsite does at each call, under one generation of the settings.

    Under a short plan only the duration is measured, and a call is a `ShortCall`. A light plan is a
    short one that has nothing to start either: the door reads the clock, compares, and counts. A
    call that ended well within `quiet_ns` is then done.
    """

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
    is_inside: ContextVar[bool] | None
    count_suspended: bool
    is_short: bool
    is_light: bool
    tally: Tally | None
    recorder: Recorder | None
    tracing: Tracing | None
    lines: Lines
    quiet_ns: int
    room: int = ROOM


def known_lines(metric: Metric) -> set[float]:
    """Return every target and threshold of `metric` that the catalog or the code has named so far.

    In the metric's base unit. What the code names is known from its decoration on.
    """
    limits = (limit for budget in settings.current().catalog.budgets for limit in budget.limits)
    written = {(each.metric, line) for each in limits for line in (each.target, each.threshold)}
    return {line for named, line in written | inline_lines() if named is metric}


def make_plan(request: Request, where: Where, is_inside: ContextVar[bool] | None = None) -> Plan:
    """Decide what the callsite will do under the settings now in force.

    Raises:
        UnknownBudgetError: If the name is unknown and ``unknown_budgets`` is ``"raise"``.
    """
    generation = state.generation
    now = settings.current()
    telemetry = now.telemetry
    budget = _resolve(request, where, now) if now.is_enabled else _UNMEASURED
    probes = _choose_probes(request, budget, now) if now.is_enabled else ()
    # Looked at first: a provider that is set from here on makes the plan outdated, never complete.
    revision, is_settled = telemetry.revision(), telemetry.is_settled()
    observers = _choose_observers(budget, now) if now.is_enabled else ()
    is_short = _is_short(request, budget, probes, now)
    short_cut = _short_cut(budget, where, now) if is_short else ShortCut()
    tracing = short_cut.tracing
    lines = lines_of(budget.limits)
    return Plan(
        generation=generation,
        revision=revision,
        is_settled=is_settled,
        is_on=now.is_enabled,
        settings=now,
        budget=budget,
        where=where,
        probes=probes,
        observers=observers,
        slowed_by=frozenset(probe.slows for probe in probes if probe.slows),
        sinks_for=_choose_sinks(request, now),
        is_inside=is_inside,
        count_suspended=request.count_suspended,
        is_short=is_short,
        is_light=is_short and short_cut.recorder is None and (tracing is None or tracing.is_late),
        tally=short_cut.tally,
        recorder=short_cut.recorder,
        tracing=tracing,
        lines=lines,
        quiet_ns=min(
            lines.target_ns if now.router.hears_of_missed_targets else lines.threshold_ns,
            lines.threshold_ns,
        ),
    )


_UNMEASURED: Final = Budget(name="unmeasured")


def _is_short(request: Request, budget: Budget, probes: tuple[Probe, ...], now: Settings) -> bool:
    """Tell whether the duration is all that a call here is measured and judged by."""
    return (
        now.is_enabled
        and now.clock.monotonic_ns is perf_counter_ns
        and not (probes or now.observers or request.outermost)
        and all(_needs_no_judge(limit) for limit in budget.limits)
    )


def _needs_no_judge(limit: Limit) -> bool:
    """Tell whether one comparison of a duration says all there is to say of `limit` in one call."""
    return is_judged_by_duration(limit) or limit.metric is not Metric.DURATION


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


def _choose_observers(budget: Budget, now: Settings) -> tuple[Observer, ...]:
    reporting = faults.guarded("telemetry", now.telemetry.observers_for, budget) or ()
    return (*reporting, *now.observers)


def _short_cut(budget: Budget, where: Where, now: Settings) -> ShortCut:
    return faults.guarded("telemetry", now.telemetry.short_cut, budget, where) or ShortCut()


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
