"""From measurements to verdicts."""

from perfkit.evaluation.per_call import judge, state_of

__all__ = ["judge", "state_of"]
