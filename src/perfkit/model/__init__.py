"""The vocabulary: frozen classes that every other room speaks in."""

from typing import TYPE_CHECKING

from perfkit._lazy import lazy_names

if TYPE_CHECKING:
    from perfkit.model.budget import DEFAULT_WINDOW_SECONDS as DEFAULT_WINDOW_SECONDS
    from perfkit.model.budget import EVIDENCE_KINDS as EVIDENCE_KINDS
    from perfkit.model.budget import LIMITABLE as LIMITABLE
    from perfkit.model.budget import Budget as Budget
    from perfkit.model.budget import Direction as Direction
    from perfkit.model.budget import Limit as Limit
    from perfkit.model.budget import Metric as Metric
    from perfkit.model.budget import Objective as Objective
    from perfkit.model.budget import Statistic as Statistic
    from perfkit.model.measurement import Evidence as Evidence
    from perfkit.model.measurement import Measurement as Measurement
    from perfkit.model.measurement import Outcome as Outcome
    from perfkit.model.measurement import Reading as Reading
    from perfkit.model.measurement import Scope as Scope
    from perfkit.model.measurement import SpanIds as SpanIds
    from perfkit.model.policy import Policy as Policy
    from perfkit.model.protocols import Clock as Clock
    from perfkit.model.protocols import Observation as Observation
    from perfkit.model.protocols import Observer as Observer
    from perfkit.model.protocols import Probe as Probe
    from perfkit.model.protocols import ProbeSession as ProbeSession
    from perfkit.model.protocols import Sink as Sink
    from perfkit.model.protocols import SteppedObservation as SteppedObservation
    from perfkit.model.route import Route as Route
    from perfkit.model.verdict import Severity as Severity
    from perfkit.model.verdict import State as State
    from perfkit.model.verdict import Verdict as Verdict
    from perfkit.model.verdict import severity_of as severity_of
    from perfkit.model.violation import CodeLocation as CodeLocation
    from perfkit.model.violation import Violation as Violation

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "perfkit.model.budget": (
            "EVIDENCE_KINDS LIMITABLE DEFAULT_WINDOW_SECONDS Budget Direction Limit Metric "
            "Objective Statistic"
        ),
        "perfkit.model.measurement": "Evidence Measurement Outcome Reading Scope SpanIds",
        "perfkit.model.policy": "Policy",
        "perfkit.model.protocols": (
            "Clock Observation Observer Probe ProbeSession Sink SteppedObservation"
        ),
        "perfkit.model.route": "Route",
        "perfkit.model.verdict": "Severity State Verdict severity_of",
        "perfkit.model.violation": "CodeLocation Violation",
    },
)
