"""The plan of one callsite, made once per generation of the settings instead of at each call."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field, frozen

from perfkit.errors import ConfigurationError
from perfkit.evaluation.bulk_counter import CAPACITY, BulkCounter
from perfkit.evaluation.per_call import EVIDENCE
from perfkit.evaluation.thresholds_ns import ThresholdsNs, is_judged_by_duration, thresholds_of
from perfkit.model import (
    Budget,
    CodeLocation,
    Metric,
    Probe,
    Reading,
    Severity,
    Sink,
    State,
    Statistic,
    Violation,
)
from perfkit.model.verdict import severity_of
from perfkit.runtime import internal_errors, settings, window_registry
from perfkit.runtime.callsite_options import CallsiteOptions, inline_lines
from perfkit.runtime.evidence_capture import EvidenceCapture
from perfkit.runtime.in_flight import InFlight
from perfkit.runtime.overhead_limit import THROTTLED, OverheadLimit
from perfkit.runtime.settings import CallReporting, Settings
from perfkit.runtime.state import state
from perfkit.runtime.windows import BudgetWindows

if TYPE_CHECKING:
    from perfkit.otel.metrics import CallRecorder
    from perfkit.otel.spans import Tracing


@frozen(kw_only=True, eq=False)
class Plan:
    """The plan for the calls of one callsite, under one generation of the settings.

    A duration-only plan measures only the duration. A fast plan is a duration-only plan with
    nothing to start: the entry point reads the clock, compares, and counts. A successful call of at
    most `within_limits_ns` is then complete. Missed limits are reported by their `severities`.
    """

    generation: int
    is_settled: bool
    is_on: bool
    settings: Settings
    budget: Budget
    where: CodeLocation
    sinks_for: Callable[[Violation], Sequence[Sink]]
    is_inside: ContextVar[bool] | None
    include_suspended: bool
    attributes: bool
    windows: BudgetWindows | None
    in_flight: InFlight | None
    capture: EvidenceCapture | None
    thresholds: ThresholdsNs
    severities: Mapping[State, Severity]
    within_limits_ns: int
    capacity: int = CAPACITY
    probes: tuple[Probe, ...] = ()
    absent: Mapping[Metric, Reading] = field(factory=dict)
    slowed_by: frozenset[str] = frozenset()
    sampling: Sampling | None = None
    is_duration_only: bool = False
    is_fast: bool = False
    is_armed: bool = False
    bulk_counter: BulkCounter | None = None
    recorder: CallRecorder | None = None
    tracing: Tracing | None = None


@define(kw_only=True, eq=False)
class Sampling:
    """The variants of a plan, and the choice among them. Safe from any thread.

    `full` has all probes. `sampled_out` and `throttled` lack those that slow a call down: between
    the sampled calls, and beyond the overhead limit unless the code selects the probes. `armed`
    gathers evidence, when `capture` decides so. For `every` and `sample_rate` see the options.
    """

    full: Plan
    sampled_out: Plan
    throttled: Plan | None
    every: int
    sample_rate: float
    armed: Plan | None
    capture: EvidenceCapture | None
    overhead_limit: OverheadLimit
    _calls: itertools.count[int] = field(factory=itertools.count)

    def choose(self) -> Plan:
        """Return the plan for a call that starts now."""
        if self.armed is not None and self.capture is not None and self.capture.try_start():
            return self.armed
        if self.every > 1 and next(self._calls) % self.every:
            return self.sampled_out
        if self.sample_rate < 1 and _random() >= self.sample_rate:
            return self.sampled_out
        if self.throttled is not None and not self.overhead_limit.allows():
            return self.throttled
        return self.full


def _random() -> float:
    # Not from the `random` module: drawing from its global generator would change the sequence that
    # a seeded application gets, and a generator of our own would repeat itself in forked children.
    return int.from_bytes(os.urandom(6)) / 2**48


def known_lines(metric: Metric) -> set[float]:
    """Return the targets and thresholds of `metric` in the catalog and at the callsites so far."""
    limits = (limit for budget in settings.current().catalog.budgets for limit in budget.limits)
    written = {(each.metric, line) for each in limits for line in (each.target, each.threshold)}
    return {line for named, line in written | inline_lines if named is metric}


def make_plan(
    options: CallsiteOptions, where: CodeLocation, is_inside: ContextVar[bool] | None = None
) -> Plan:
    """Make the plan of a callsite under the settings in force.

    Raises:
        UnknownBudgetError: If the name is unknown and ``unknown_budgets`` is ``"raise"``.
    """
    now = settings.current()
    window_registry.look_for_providers()
    generation = state.generation
    budget = _resolve(options, where, now) if now.is_enabled else _UNMEASURED
    probes = choose_probes(options, budget, now) if now.is_enabled else ()
    if "children" in budget.evidence and not now.attributes:
        _let_others_tell(where, budget)
    # Before the providers are read: one that is set from here on must not make the plan settled.
    is_settled = not now.is_enabled or now.telemetry.is_settled()
    capture = now.captures.capture_of(budget)
    sinks_for = _choose_sinks(options, now)
    windows = window_registry.windows_for(budget, where, options.sinks, sinks_for, capture)
    thresholds = thresholds_of(budget.limits)
    full = Plan(
        generation=generation,
        is_settled=is_settled,
        is_on=now.is_enabled,
        settings=now,
        budget=budget,
        where=where,
        sinks_for=sinks_for,
        is_inside=is_inside,
        include_suspended=options.include_suspended,
        attributes=now.attributes or bool(state.attributing),
        windows=windows,
        in_flight=None if windows is None else windows.in_flight,
        capture=capture,
        thresholds=thresholds,
        severities=_severities(budget, now),
        within_limits_ns=min(
            thresholds.target_ns if now.router.routes_missed_targets else thresholds.threshold_ns,
            thresholds.threshold_ns,
        ),
    )
    return _with_variants(_with_probes(full, probes, options), probes, options)


def _let_others_tell(where: CodeLocation, budget: Budget) -> None:
    """Attribute the cost of every call from now on: a callsite needs ``children`` evidence."""
    with state.lock:
        if not state.attributing:
            # Outdates all plans, this one too: nested calls must report their cost.
            state.generation += 1
        state.attributing.add((where, budget.name))


def _with_probes(plan: Plan, probes: tuple[Probe, ...], options: CallsiteOptions) -> Plan:
    """Return `plan` with these probes; duration-only if the duration is enough."""
    plan = evolve(
        plan, probes=probes, slowed_by=frozenset(probe.slows for probe in probes if probe.slows)
    )
    if not _is_duration_only(options, plan):
        return _with_telemetry(plan)
    # Calls whose windows have other sinks are counted separately, and reported together.
    owner = window_registry.identity_of(options.sinks) if plan.windows is not None else None
    plan = _with_telemetry(plan, owner, is_duration_only=True)
    windows, tracing, counter = plan.windows, plan.tracing, plan.bulk_counter
    has_nothing_to_start = plan.recorder is None and (tracing is None or tracing.is_late)
    return evolve(
        plan,
        is_fast=has_nothing_to_start and not plan.attributes,
        bulk_counter=counter if windows is None else windows.subscribe_to(counter),
    )


def _with_telemetry(plan: Plan, owner: object = None, *, is_duration_only: bool = False) -> Plan:
    """Return `plan` with the telemetry of its calls; none where the providers fail."""
    if not plan.is_on:
        return plan
    reporting = internal_errors.suppress(
        "telemetry",
        plan.settings.telemetry.reporting_for,
        plan.budget,
        plan.where,
        owner,
        is_duration_only=is_duration_only,
    )
    reporting = reporting or CallReporting()
    return evolve(
        plan,
        is_duration_only=is_duration_only,
        bulk_counter=reporting.bulk_counter,
        recorder=reporting.recorder,
        tracing=reporting.tracing,
    )


def _with_variants(plan: Plan, probes: tuple[Probe, ...], options: CallsiteOptions) -> Plan:
    """Add the variants of `plan` for sampling, throttling and evidence, if it needs any."""
    slow = [probe for probe in probes if probe.slows]
    asked = options.metrics | {limit.metric for limit in options.limits}
    is_asked_here = options.explain or any(probe.metrics & asked for probe in slow)
    if plan.capture is None and not slow:
        return plan
    fast = tuple(probe for probe in probes if not probe.slows)
    sampled_out = _with_probes(plan, fast, options) if slow else plan
    return evolve(
        plan,
        sampling=Sampling(
            full=plan,
            sampled_out=_without(sampled_out, slow, options.sampled_out_reason),
            throttled=None if is_asked_here or not slow else _without(sampled_out, slow, THROTTLED),
            every=options.every if slow else 1,
            sample_rate=options.sample_rate if slow else 1.0,
            armed=_armed(plan, options) if plan.capture else None,
            capture=plan.capture,
            overhead_limit=plan.settings.overhead_limit,
        ),
    )


def _without(plan: Plan, probes: Sequence[Probe], reason: str) -> Plan:
    missing = {metric for probe in probes for metric in probe.metrics}
    return evolve(plan, absent={metric: Reading(value=None, reason=reason) for metric in missing})


def _armed(plan: Plan, options: CallsiteOptions) -> Plan:
    explaining = evolve(options, explain=options.explain | frozenset(plan.budget.evidence))
    probes = choose_probes(explaining, plan.budget, plan.settings)
    slowed_by = {EVIDENCE, *(probe.slows for probe in probes if probe.slows)}
    armed = evolve(
        plan,
        probes=probes,
        slowed_by=frozenset(slowed_by),
        is_armed=True,
        is_fast=False,
    )
    return _with_telemetry(armed)


_UNMEASURED: Final = Budget(name="unmeasured")


_READ_AT_THE_END: Final = frozenset({Metric.DURATION, Metric.HIT_RATIO, Metric.CONCURRENCY})


def _is_duration_only(options: CallsiteOptions, plan: Plan) -> bool:
    """Return whether calls need only the duration, for measurement and verdicts."""
    now = plan.settings
    return (
        now.is_enabled
        and now.clock.monotonic_ns is perf_counter_ns
        and not (plan.probes or now.observers or options.skip_nested)
        and "children" not in plan.budget.evidence
        and all(
            is_judged_by_duration(limit)
            or limit.statistic is not Statistic.EACH
            or limit.metric not in _READ_AT_THE_END
            for limit in plan.budget.limits
        )
    )


def _resolve(options: CallsiteOptions, where: CodeLocation, now: Settings) -> Budget:
    """Return the budget of the catalog, overridden by the options."""
    found = None
    if options.name is not None:
        found = now.catalog.get(options.name)
        if found is None and not (options.limits or options.objective or options.evidence):
            settings.complain_of(options.name, now)
    base = found or Budget(name=options.name or where.function)
    replaced = {limit.metric for limit in options.limits}
    kept = tuple(limit for limit in base.limits if limit.metric not in replaced)
    category = base.category if options.category is None else options.category
    return evolve(
        base,
        limits=kept + options.limits,
        category=category,
        critical=base.critical if options.critical is None else options.critical,
        description=base.description if options.description is None else options.description,
        objective=base.objective if options.objective is None else options.objective,
        evidence=base.evidence if options.evidence is None else options.evidence,
        spans=options.spans
        or base.spans
        or now.catalog.settings.category_spans.get(category)
        or now.spans,
    )


def _severities(budget: Budget, now: Settings) -> Mapping[State, Severity]:
    """Return the states that are reported, with the severity of each."""
    is_wide = now.router.routes_missed_targets
    reported = (State.VIOLATED, State.DEGRADED) if is_wide else (State.VIOLATED,)
    found = {state: severity_of(state, critical=budget.critical) for state in reported}
    return {state: severity for state, severity in found.items() if severity is not None}


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
"""Metrics without a probe: clock and counters are enough, or a single call cannot have them."""


def choose_probes(options: CallsiteOptions, budget: Budget, now: Settings) -> tuple[Probe, ...]:
    """Return the probes for the limits of `budget` and for the metrics and evidence of `options`.

    A call with any probe also reports the pauses of the garbage collector.
    """
    wanted = (options.metrics | budget.metrics) - _UNPROBED
    if not wanted and not options.explain:
        return ()
    wanted |= {Metric.GC_TIME}
    return tuple(
        probe
        for probe in internal_errors.suppress("loading the probes", now.find_probes) or ()
        if probe.metrics & wanted or probe.explains in options.explain
    )


def _choose_sinks(options: CallsiteOptions, now: Settings) -> Callable[[Violation], Sequence[Sink]]:
    if options.sinks is None:
        return now.router.sinks_for
    chosen: list[Sink] = []
    for sink in options.sinks:
        try:
            chosen.append(now.find_sink(sink) if isinstance(sink, str) else sink)
        except ConfigurationError as error:
            internal_errors.report(f"sink {sink}", error)
    # Wrapped at a violation: most callsites never need the delivery layers.
    return lambda _: tuple(map(now.wrap_sink, chosen))
