"""A route takes the violations that match all its conditions."""

from __future__ import annotations

import pytest

from perfkit.errors import ConfigurationError
from perfkit.model import (
    Budget,
    CodeLocation,
    Direction,
    Limit,
    Metric,
    Route,
    Severity,
    State,
    Violation,
)


def violation(severity: Severity = Severity.WARNING) -> Violation:
    """A violation of the budget session_load in the category database."""
    limit = Limit(metric=Metric.DURATION, target=1.0, threshold=1.0, direction=Direction.AT_MOST)
    return Violation(
        budget=Budget(name="session_load", category="database", limits=(limit,)),
        limit=limit,
        value=2.0,
        state=State.VIOLATED,
        severity=severity,
        where=CodeLocation(function="load"),
        at_ns=0,
    )


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"budget": "session_*"},
        {"category": "database"},
        {"severity": Severity.WARNING},
        {"severity": Severity.INFO},
        {"budget": "*", "category": "database", "severity": Severity.INFO},
    ],
)
def test_takes(conditions: dict[str, object]) -> None:
    route = Route(sinks=("log",), **conditions)  # type: ignore[arg-type]  # any of its conditions

    assert route.matches(violation())


@pytest.mark.parametrize(
    "conditions",
    [
        {"budget": "user_*"},
        {"budget": "SESSION_*"},
        {"category": "cache"},
        {"severity": Severity.CRITICAL},
        {"budget": "session_*", "category": "cache"},
    ],
)
def test_leaves(conditions: dict[str, object]) -> None:
    route = Route(sinks=("log",), **conditions)  # type: ignore[arg-type]  # any of its conditions

    assert not route.matches(violation())


def test_a_text_is_no_list_of_sinks() -> None:
    for sinks, example in (("pager", "pager"), ("a\nb", "log")):
        with pytest.raises(ConfigurationError) as caught:
            Route(sinks=sinks)  # type: ignore[arg-type]  # that is the mistake
        assert str(caught.value) == f'sinks is a text; write sinks=["{example}"]'
