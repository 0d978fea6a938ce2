"""From measurements to verdicts."""

from perfkit.evaluation.lines import Lines, is_judged_by_duration, last_ns_within, lines_of
from perfkit.evaluation.per_call import judge, state_of
from perfkit.evaluation.tally import ROOM, Tally

__all__ = [
    "ROOM",
    "Lines",
    "Tally",
    "is_judged_by_duration",
    "judge",
    "last_ns_within",
    "lines_of",
    "state_of",
]
