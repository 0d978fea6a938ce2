"""Create test violations of the catalog's budgets that a delivery route accepts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from perfkit.evaluation.objective import ALERTS, burn_rate_limit
from perfkit.model import (
    Budget,
    CodeLocation,
    Direction,
    Evidence,
    Limit,
    Route,
    Severity,
    State,
    Violation,
    severity_of,
)
from perfkit.sink_test.routes import DeliveryRoute
from perfkit.text import quote
from perfkit.units import Unit


def find_sample(route: DeliveryRoute, filters: Sequence[Route]) -> Violation | str:
    """Return a violation that `route` and all `filters` of its sinks accept, marked as a test.

    Else return the reason why no budget of the catalog can send one.
    """
    conditions = [route.reference.conditions, *filters]
    environments = [each.environment for each in conditions if each.environment is not None]
    # The catalog does not list the environments of the application: each condition names its own.
    choices = [route.environment, *(glob.replace("*", "") for glob in environments)]
    environment = next((each for each in choices if _matches_all(each, environments)), None)
    if environment is None:
        return f"no environment matches {_quoted(environments)}"
    samples = [each for budget in route.budgets for each in samples_of(budget, environment)]
    matching = [each for each in samples if all(c.matches(each) for c in conditions)]
    accepted = next(filter(route.accepts, matching), None)
    return accepted or _reason(route, conditions, samples, matching)


def samples_of(budget: Budget, environment: str = "") -> Iterator[Violation]:
    """Yield a broken threshold and a missed target of each limit, then the alerts of the objective.

    A limit whose target equals its threshold has no missed target.
    """
    row = {"budget": budget.name, "calls": 1, "total_s": 0.0, "self_s": 0.0}
    for limit, value, state, severity in _cases_of(budget):
        yield Violation(
            budget=budget,
            limit=limit,
            value=value,
            state=state,
            severity=severity or Severity.WARNING,
            where=CodeLocation(function="perfkit sinks test"),
            at_ns=time.time_ns(),
            # A new object each time: the evidence sink saves each piece of evidence once.
            evidence=(Evidence(kind="children", note="test", rows=(row,)),),
            environment=environment,
            is_test=True,
        )


def _cases_of(budget: Budget) -> Iterator[tuple[Limit, float, State, Severity | None]]:
    for limit in budget.limits:
        between = (limit.target + limit.threshold) / 2
        for state, value in ((State.VIOLATED, _beyond(limit)), (State.DEGRADED, between)):
            is_real = not limit.meets_target(value)
            if is_real and limit.holds_threshold(value) is (state is State.DEGRADED):
                yield limit, value, state, severity_of(state, critical=budget.critical)
    if budget.objective:
        for alert in ALERTS:
            limit = burn_rate_limit(budget.objective, alert)
            severity = alert.urgency or severity_of(alert.state, critical=budget.critical)
            yield limit, _beyond(limit), alert.state, severity


def _beyond(limit: Limit) -> float:
    """Return a value that breaks the threshold; a ratio is at most 1."""
    if limit.direction is Direction.AT_LEAST:
        return limit.threshold / 2
    if limit.metric.unit is Unit.RATIO and limit.threshold < 1:
        return (limit.threshold + 1) / 2
    return limit.threshold * 1.5 or 1.0


def _reason(
    route: DeliveryRoute,
    conditions: Sequence[Route],
    samples: Sequence[Violation],
    matching: Sequence[Violation],
) -> str:
    """Return the first condition that excludes all `samples`, as a sentence."""
    if matching:
        return "an earlier route, or the budget's own sinks, receive each violation that matches"
    own = route.reference.budget
    subject = f"budget {quote(own.name)} has no" if own else "no budget of the catalog has a"
    if not samples:
        return f"{subject} limit or objective"
    unmet = []
    wanted = []
    for noun, field in _GLOBS.items():
        globs = [glob for each in conditions if (glob := getattr(each, field)) is not None]
        if globs:
            wanted.append(f"{noun} {_quoted(globs)}")
        if not any(_matches_all(_text_of(each, field), globs) for each in samples):
            unmet.append(f"{subject} {noun} that matches {_quoted(globs)}")
    severities = [each.severity or Severity.WARNING for each in conditions]
    wanted.append(f'severity ">= {max(severities, key=lambda each: each.rank)}"')
    states = [each.state.value for each in conditions if each.state is not None]
    wanted += [f"state {_quoted(states)}"] if states else []
    return "; ".join(unmet) or f"{subject} violation with {', '.join(wanted)}{_SEVERITIES}"


def _text_of(violation: Violation, field: str) -> str:
    if field == "metric":
        return violation.limit.metric
    return violation.budget.name if field == "budget" else violation.budget.category


def _matches_all(text: str, globs: Sequence[str]) -> bool:
    return all(fnmatchcase(text, glob) for glob in globs)


def _quoted(globs: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(map(quote, globs)))


_GLOBS: Final = {"name": "budget", "category": "category", "metric": "metric"}
"""The noun of messages for each condition on a budget that is a glob."""
_SEVERITIES: Final = (
    "; a missed target has severity info, a broken threshold critical if the budget is critical, "
    "else warning"
)
