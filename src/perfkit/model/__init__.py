"""The vocabulary: frozen classes that every other room speaks in."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from perfkit.model.budget import (
        EVIDENCE_KINDS,
        LIMITABLE,
        USUAL_WINDOW_SECONDS,
        Budget,
        Direction,
        Limit,
        Metric,
        Objective,
        Statistic,
    )
    from perfkit.model.measurement import (
        CodeLocation,
        Evidence,
        Measurement,
        Outcome,
        Reading,
        Scope,
        SpanIds,
    )
    from perfkit.model.policy import Policy
    from perfkit.model.protocols import (
        Clock,
        Observation,
        Observer,
        Probe,
        ProbeSession,
        Sink,
        SteppedObservation,
    )
    from perfkit.model.route import Route
    from perfkit.model.verdict import Severity, State, Verdict, severity_of
    from perfkit.model.violation import Violation

__all__ = [
    "EVIDENCE_KINDS",
    "LIMITABLE",
    "USUAL_WINDOW_SECONDS",
    "Budget",
    "Clock",
    "CodeLocation",
    "Direction",
    "Evidence",
    "Limit",
    "Measurement",
    "Metric",
    "Objective",
    "Observation",
    "Observer",
    "Outcome",
    "Policy",
    "Probe",
    "ProbeSession",
    "Reading",
    "Route",
    "Scope",
    "Severity",
    "Sink",
    "SpanIds",
    "State",
    "Statistic",
    "SteppedObservation",
    "Verdict",
    "Violation",
    "severity_of",
]

_HOMES: Final = {
    "Budget": "budget",
    "Clock": "protocols",
    "Direction": "budget",
    "EVIDENCE_KINDS": "budget",
    "Evidence": "measurement",
    "LIMITABLE": "budget",
    "Limit": "budget",
    "Measurement": "measurement",
    "Metric": "budget",
    "Objective": "budget",
    "Observation": "protocols",
    "Observer": "protocols",
    "Outcome": "measurement",
    "Policy": "policy",
    "Probe": "protocols",
    "ProbeSession": "protocols",
    "Reading": "measurement",
    "Route": "route",
    "Scope": "measurement",
    "Severity": "verdict",
    "Sink": "protocols",
    "SpanIds": "measurement",
    "State": "verdict",
    "Statistic": "budget",
    "SteppedObservation": "protocols",
    "USUAL_WINDOW_SECONDS": "budget",
    "Verdict": "verdict",
    "Violation": "violation",
    "CodeLocation": "measurement",
    "severity_of": "verdict",
}


def __getattr__(name: str) -> Any:
    """Load a word's module when it is first asked for: importing perfkit stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
