"""From measurements to verdicts."""

from perfkit.evaluation.lines import Lines, is_judged_by_duration, last_ns_within, lines_of
from perfkit.evaluation.objective import ObjectiveWindow
from perfkit.evaluation.per_call import EVIDENCE, is_cut_short, judge, state_of, what_slowed
from perfkit.evaluation.ring import SUB_WINDOWS
from perfkit.evaluation.sketch import Sketch
from perfkit.evaluation.tally import ROOM, Tally
from perfkit.evaluation.trigger import Change, Trigger
from perfkit.evaluation.windowed import LimitWindow

__all__ = [
    "EVIDENCE",
    "ROOM",
    "SUB_WINDOWS",
    "Change",
    "LimitWindow",
    "Lines",
    "ObjectiveWindow",
    "Sketch",
    "Tally",
    "Trigger",
    "is_cut_short",
    "is_judged_by_duration",
    "judge",
    "last_ns_within",
    "lines_of",
    "state_of",
    "what_slowed",
]
