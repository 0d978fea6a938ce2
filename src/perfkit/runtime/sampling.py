"""Which form of its plan a call takes: as it is, without what is expensive, or with evidence."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from attrs import define, field

from perfkit.runtime.evidence_capture import EvidenceCapture
from perfkit.runtime.overhead_limit import OverheadLimit

if TYPE_CHECKING:
    from perfkit.runtime.plan import Plan


@define(kw_only=True, eq=False)
class Sampling:
    """The other forms of a plan, and when they are taken. Safe from any thread.

    Args:
        whole: The plan with all that was asked for.
        spared: The plan without the probes that slow a call down, for the calls in between.
        held_back: The same, for calls that there is no allowance for; None where the place itself
            asks for the probes.
        every: Only one call in so many is measured in full.
        sample_rate: The probability that a call is measured in full, from 0 to 1.
        armed: The plan with evidence; None where the budget asks for none.
        capture: Says when the armed plan is taken.
        overhead_limit: Says whether there is allowance.
    """

    full: Plan
    sampled_out: Plan
    throttled: Plan | None
    every: int
    sample_rate: float
    armed: Plan | None
    capture: EvidenceCapture | None
    overhead_limit: OverheadLimit
    _calls: itertools.count[int] = field(factory=itertools.count)

    def choose(self) -> Plan:
        """Return the plan for a call that starts now."""
        if self.armed is not None and self.capture is not None and self.capture.try_start():
            return self.armed
        if self.every > 1 and next(self._calls) % self.every:
            return self.sampled_out
        if self.sample_rate < 1 and _random() >= self.sample_rate:
            return self.sampled_out
        if self.throttled is not None and not self.overhead_limit.allows():
            return self.throttled
        return self.full


def _random() -> float:
    """Return a random number from 0 to below 1."""
    # Not from the `random` module: drawing from its global generator would change the sequence that
    # a seeded application gets, and a generator of our own would repeat itself in forked children.
    return int.from_bytes(os.urandom(6)) / 2**48
