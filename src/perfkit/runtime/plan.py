"""What one callsite will do, decided once per generation and not at each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Final

from attrs import evolve, field, frozen

from perfkit.errors import ConfigurationError
from perfkit.evaluation import EVIDENCE, ROOM, Lines, Tally, is_judged_by_duration, lines_of
from perfkit.model import (
    Budget,
    Limit,
    Metric,
    Observer,
    Probe,
    Reading,
    Sink,
    Statistic,
    Violation,
    Where,
)
from perfkit.runtime import faults, settings, window_book
from perfkit.runtime.arming import Arming
from perfkit.runtime.governor import HELD_BACK
from perfkit.runtime.in_flight import InFlight
from perfkit.runtime.request import Request, inline_lines
from perfkit.runtime.settings import Recorder, Settings, ShortCut, Tracing
from perfkit.runtime.state import state
from perfkit.runtime.variants import Variants
from perfkit.runtime.windows import BudgetWindows


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
    observers: tuple[Observer, ...]
    sinks_for: Callable[[Violation], Sequence[Sink]]
    is_inside: ContextVar[bool] | None
    count_suspended: bool
    attributes: bool
    windows: BudgetWindows | None
    in_flight: InFlight | None
    arming: Arming | None
    lines: Lines
    quiet_ns: int
    room: int = ROOM
    probes: tuple[Probe, ...] = ()
    absent: Mapping[Metric, Reading] = field(factory=dict)
    slowed_by: frozenset[str] = frozenset()
    variants: Variants | None = None
    is_short: bool = False
    is_light: bool = False
    is_armed: bool = False
    tally: Tally | None = None
    recorder: Recorder | None = None
    tracing: Tracing | None = None


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
    generation, now = state.generation, settings.current()
    budget = _resolve(request, where, now) if now.is_enabled else _UNMEASURED
    probes = choose_probes(request, budget, now) if now.is_enabled else ()
    if "children" in budget.evidence and not now.attributes:
        _let_others_tell(where, budget)
    # Looked at first: a provider that is set from here on makes the plan outdated, never complete.
    revision, is_settled = now.telemetry.revision(), now.telemetry.is_settled()
    arming = now.armory.arming_of(budget)
    sinks_for = _choose_sinks(request, now)
    windows = window_book.windows_for(budget, where, request.sinks, sinks_for, arming)
    lines = lines_of(budget.limits)
    whole = Plan(
        generation=generation,
        revision=revision,
        is_settled=is_settled,
        is_on=now.is_enabled,
        settings=now,
        budget=budget,
        where=where,
        observers=_choose_observers(budget, now) if now.is_enabled else (),
        sinks_for=sinks_for,
        is_inside=is_inside,
        count_suspended=request.count_suspended,
        attributes=now.attributes or bool(state.attributing),
        windows=windows,
        in_flight=None if windows is None else windows.in_flight,
        arming=arming,
        lines=lines,
        quiet_ns=min(
            lines.target_ns if now.router.hears_of_missed_targets else lines.threshold_ns,
            lines.threshold_ns,
        ),
    )
    return _with_variants(_with_probes(whole, probes, request), probes, request)


def _let_others_tell(where: Where, budget: Budget) -> None:
    """Let every call tell what it cost from now on: a place asks for that, not the catalog."""
    with state.lock:
        if not state.attributing:
            state.generation += 1  # all plans are to be made anew, this one too
        state.attributing.add((where, budget.name))


def _with_probes(plan: Plan, probes: tuple[Probe, ...], request: Request) -> Plan:
    """Return `plan` with these probes, short if it can be without any."""
    plan = evolve(
        plan, probes=probes, slowed_by=frozenset(probe.slows for probe in probes if probe.slows)
    )
    if not _is_short(request, plan):
        return plan
    short_cut = _short_cut(plan, window_book.identity_of(request.sinks))
    tracing, tally = short_cut.tracing, short_cut.tally
    if plan.windows is not None:
        tally = plan.windows.feed_from(tally)
    return evolve(
        plan,
        is_short=True,
        is_light=not plan.attributes
        and short_cut.recorder is None
        and (tracing is None or tracing.is_late),
        tally=tally,
        recorder=short_cut.recorder,
        tracing=tracing,
    )


def _with_variants(plan: Plan, probes: tuple[Probe, ...], request: Request) -> Plan:
    """Add the other forms that a call of this plan may take, if there are any."""
    slow = [probe for probe in probes if probe.slows]
    asked = request.metrics | {limit.metric for limit in request.limits}
    is_asked_here = request.explain or any(probe.metrics & asked for probe in slow)
    if plan.arming is None and not slow:
        return plan
    fast = tuple(probe for probe in probes if not probe.slows)
    spared = _with_probes(plan, fast, request) if slow else plan
    return evolve(
        plan,
        variants=Variants(
            whole=plan,
            spared=_without(spared, slow, f"one call in {request.every} is measured"),
            held_back=None if is_asked_here or not slow else _without(spared, slow, HELD_BACK),
            every=request.every if slow else 1,
            armed=_armed(plan, request) if plan.arming else None,
            arming=plan.arming,
            governor=plan.settings.governor,
        ),
    )


def _without(plan: Plan, probes: Sequence[Probe], reason: str) -> Plan:
    """Return `plan` with readings that say why these probes have none."""
    missing = {metric for probe in probes for metric in probe.metrics}
    return evolve(plan, absent={metric: Reading(value=None, reason=reason) for metric in missing})


def _armed(plan: Plan, request: Request) -> Plan:
    """Return the plan for a call that gathers evidence."""
    explaining = evolve(request, explain=request.explain | frozenset(plan.budget.evidence))
    probes = choose_probes(explaining, plan.budget, plan.settings)
    slowed_by = {EVIDENCE, *(probe.slows for probe in probes if probe.slows)}
    return evolve(
        plan,
        probes=probes,
        slowed_by=frozenset(slowed_by),
        is_armed=True,
        is_short=False,
        is_light=False,
        tally=None,
        recorder=None,
        tracing=None,
    )


_UNMEASURED: Final = Budget(name="unmeasured")


def _is_short(request: Request, plan: Plan) -> bool:
    """Tell whether the duration is all that a call here is measured and judged by."""
    now = plan.settings
    return (
        now.is_enabled
        and now.clock.monotonic_ns is perf_counter_ns
        and not (plan.probes or now.observers or request.outermost)
        and "children" not in plan.budget.evidence
        and all(_needs_no_judge(limit) for limit in plan.budget.limits)
    )


_READ_AT_THE_END: Final = frozenset({Metric.DURATION, Metric.HIT_RATIO, Metric.CONCURRENCY})


def _needs_no_judge(limit: Limit) -> bool:
    """Tell whether one comparison of a duration says all there is to say of `limit` in one call."""
    return (
        is_judged_by_duration(limit)
        or limit.statistic is not Statistic.EACH
        or limit.metric not in _READ_AT_THE_END
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
        objective=base.objective if request.objective is None else request.objective,
        evidence=base.evidence if request.evidence is None else request.evidence,
        spans=request.spans
        or base.spans
        or now.catalog.settings.category_spans.get(category)
        or now.spans,
    )


def _look_up(request: Request, now: Settings) -> Budget | None:
    if request.name is None:
        return None
    found = now.catalog.get(request.name)
    is_written_here = request.limits or request.objective or request.evidence
    if found is None and not is_written_here:
        settings.complain_of(request.name, now)
    return found


def _choose_observers(budget: Budget, now: Settings) -> tuple[Observer, ...]:
    reporting = faults.guarded("telemetry", now.telemetry.observers_for, budget) or ()
    return (*reporting, *now.observers)


def _short_cut(plan: Plan, sinks: object) -> ShortCut:
    """Return what calls report to; those whose windows go elsewhere are counted apart."""
    owner = sinks if plan.windows is not None else None
    telemetry = plan.settings.telemetry
    return (
        faults.guarded("telemetry", telemetry.short_cut, plan.budget, plan.where, owner)
        or ShortCut()
    )


_UNPROBED: Final = frozenset(
    {
        Metric.DURATION,
        Metric.FIRST_ITEM,
        Metric.THROUGHPUT,
        Metric.CONCURRENCY,
        Metric.HIT_RATIO,
        Metric.ERROR_RATIO,
        Metric.SCALING_EXPONENT,
    }
)
"""What needs no probe: the clock and counting are enough, or no call can show it."""


def choose_probes(request: Request, budget: Budget, now: Settings) -> tuple[Probe, ...]:
    """Return the probes for the limits of `budget` and for what is asked for here.

    A call that is probed at all reports the pauses of the garbage collector too.
    """
    wanted = (request.metrics | budget.metrics) - _UNPROBED
    if not wanted and not request.explain:
        return ()
    wanted |= {Metric.GC_TIME}
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
    return lambda _: tuple(map(now.adopt_sink, chosen))  # not before one is to hear of something
