"""The vocabulary: frozen classes that every other room speaks in."""

from perfkit.model.budget import USUAL_WINDOW_SECONDS, Budget, Direction, Limit, Metric, Statistic
from perfkit.model.measurement import Evidence, Measurement, Outcome, Reading, Scope, SpanIds, Where
from perfkit.model.protocols import Clock, Observation, Observer, Probe, ProbeSession, Sink
from perfkit.model.route import Route
from perfkit.model.verdict import Severity, State, Verdict, Violation, severity_of

__all__ = [
    "USUAL_WINDOW_SECONDS",
    "Budget",
    "Clock",
    "Direction",
    "Evidence",
    "Limit",
    "Measurement",
    "Metric",
    "Observation",
    "Observer",
    "Outcome",
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
    "Verdict",
    "Violation",
    "Where",
    "severity_of",
]
