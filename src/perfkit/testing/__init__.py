"""For users' own tests: a clock to set, violations to look at, faults that are not swallowed."""

from perfkit.testing.capture import capture_violations, strict
from perfkit.testing.clock import FakeClock

__all__ = ["FakeClock", "capture_violations", "strict"]
