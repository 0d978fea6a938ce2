"""Make up violations that go a certain way, and say that they are made up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from attrs import frozen

from perfkit.catalog.problems import quoted
from perfkit.model import (
    LIMITABLE,
    USUAL_WINDOW_SECONDS,
    Budget,
    CodeLocation,
    Direction,
    Evidence,
    Limit,
    Metric,
    Route,
    Severity,
    State,
    Statistic,
    Violation,
)
from perfkit.sink_test.matching_text import text_matching
from perfkit.units import Unit

NAME: Final = "perfkit_test"
"""What the budget of a made-up violation is called where nothing else is asked for."""

_Kind = tuple[Severity, State]
_OF_LIMITS: Final[tuple[_Kind, ...]] = (
    (Severity.WARNING, State.VIOLATED),
    (Severity.CRITICAL, State.VIOLATED),
    (Severity.INFO, State.DEGRADED),
)
"""What a limit that is broken or missed can say."""
_OF_OBJECTIVES: Final[tuple[_Kind, ...]] = (*_OF_LIMITS[:2], (Severity.WARNING, State.DEGRADED))


@frozen
class Impossible:
    """No violation can be as it is asked for.

    Args:
        reason: Why, for people.
    """

    reason: str


def make_sample(
    conditions: Sequence[Route], environment: str = "", budget: Budget | None = None
) -> Violation | Impossible:
    """Make up a violation that all `conditions` match, as a real one could be.

    Args:
        conditions: What a route asks for, and the filters of sinks.
        environment: Where the application runs; another one is made up if they ask for that.
        budget: The one budget whose violations are meant; None where any may be.
    """
    problems: list[str] = []
    own_name, own_category = (budget.name, budget.category) if budget else (None, None)
    name = _text("budget", NAME, own_name, conditions, problems)
    category = _text("category", "", own_category, conditions, problems)
    place = _text("environment", environment, None, conditions, problems)
    if problems:
        return Impossible("; ".join(problems))
    for metric in _metrics_of(budget):
        for severity, state in _kinds_of(metric, budget):
            promise = Budget(
                name=name,
                category=category,
                critical=severity is Severity.CRITICAL,
                description="A test of perfkit's sinks.",
            )
            found = _violation(promise, metric, severity, state, place)
            if all(each.matches(found) for each in conditions):
                return found
    return Impossible(_why_none(conditions, budget))


def _text(
    what: str, usual: str, real: str | None, conditions: Sequence[Route], problems: list[str]
) -> str:
    """Return a text that all conditions on `what` match, or note that there is none."""
    globs = [glob for each in conditions if (glob := getattr(each, what)) is not None]
    if real is None:
        found = text_matching(globs, usual)
    else:
        fitting = (each for each in (usual, real) if all(fnmatchcase(each, g) for g in globs))
        found = next(fitting, None)
    if found is None or (what == "budget" and not found):
        subject = f"no {what} matches" if real is None else f"{what} {quoted(real)} does not match"
        problems.append(f"{subject} {_both(globs)}")
    return found or ""


def _both(globs: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(map(quoted, globs)))


def _metrics_of(budget: Budget | None) -> Sequence[Metric]:
    """Return what a violation may be of, beginning with what is most usual."""
    every = (Metric.DURATION, *LIMITABLE, Metric.BURN_RATE)
    if budget is None or not (budget.limits or budget.objective):
        return tuple(dict.fromkeys(every))
    own = budget.metrics | ({Metric.BURN_RATE} if budget.objective else set())
    return tuple(metric for metric in dict.fromkeys(every) if metric in own)


def _kinds_of(metric: Metric, budget: Budget | None) -> Sequence[_Kind]:
    kinds = _OF_OBJECTIVES if metric is Metric.BURN_RATE else _OF_LIMITS
    if budget is None:
        return kinds
    broken = Severity.CRITICAL if budget.critical else Severity.WARNING
    return tuple(kind for kind in kinds if kind[1] is State.DEGRADED or kind[0] is broken)


def _why_none(conditions: Sequence[Route], budget: Budget | None) -> str:
    globs = [each.metric for each in conditions if each.metric is not None]
    whose = "there is" if budget is None else f"budget {quoted(budget.name)} has"
    if not any(all(fnmatchcase(each, g) for g in globs) for each in _metrics_of(budget)):
        return f"{whose} no metric that matches {_both(globs)}"
    severities = {each.severity or Severity.WARNING for each in conditions}
    states = sorted({each.state.value for each in conditions if each.state is not None})
    wanted = [f'severity ">= {max(severities, key=lambda each: each.rank)}"']
    wanted += [f'state "{state}"' for state in states]
    return (
        f"{whose} no violation of {' and '.join(wanted)}: one that is degraded is info, one that "
        "is violated is critical where its budget is, else warning"
    )


def _violation(
    promise: Budget, metric: Metric, severity: Severity, state: State, environment: str
) -> Violation:
    limit = _limit_on(metric)
    lines = (limit.target, limit.threshold)
    worst = max(lines) * 1.5 if limit.direction is Direction.AT_MOST else min(lines) / 2
    return Violation(
        budget=promise,
        limit=limit,
        value=worst if state is State.VIOLATED or metric is Metric.BURN_RATE else sum(lines) / 2,
        state=state,
        severity=severity,
        where=CodeLocation(function="perfkit sinks test"),
        at_ns=time.time_ns(),
        evidence=(_evidence(promise.name),),  # one of its own: a sink saves each piece once
        environment=environment,
        is_test=True,
    )


def _limit_on(metric: Metric) -> Limit:
    direction = metric.usual_direction or Direction.AT_MOST
    strict, loose = (0.125, 0.25) if metric.unit is Unit.RATIO else (1.0, 2.0)
    if metric is Metric.BURN_RATE:  # an alert has one line
        loose = strict
    is_at_most = direction is Direction.AT_MOST
    return Limit(
        metric=metric,
        target=strict if is_at_most else loose,
        threshold=loose if is_at_most else strict,
        direction=direction,
        statistic=metric.usual_statistic,
        window=None if metric.usual_statistic is Statistic.EACH else USUAL_WINDOW_SECONDS,
    )


def _evidence(name: str) -> Evidence:
    row = {"budget": name, "calls": 1, "total_s": 0.0, "self_s": 0.0}
    return Evidence(kind="children", note="made up", rows=(row,))
