"""From measurements to verdicts."""

from perfkit.evaluation.alert_state import AlertState, Transition
from perfkit.evaluation.bulk_counter import CAPACITY, BulkCounter
from perfkit.evaluation.objective import ObjectiveWindow
from perfkit.evaluation.per_call import EVIDENCE, is_cut_short, judge, slowing_tools, state_of
from perfkit.evaluation.sketch import Sketch
from perfkit.evaluation.sliding_window import SUB_WINDOWS
from perfkit.evaluation.thresholds_ns import (
    ThresholdsNs,
    is_judged_by_duration,
    last_ns_within,
    thresholds_of,
)
from perfkit.evaluation.windowed import LimitWindow

__all__ = [
    "CAPACITY",
    "EVIDENCE",
    "SUB_WINDOWS",
    "AlertState",
    "BulkCounter",
    "LimitWindow",
    "ObjectiveWindow",
    "Sketch",
    "ThresholdsNs",
    "Transition",
    "is_cut_short",
    "is_judged_by_duration",
    "judge",
    "last_ns_within",
    "slowing_tools",
    "state_of",
    "thresholds_of",
]
