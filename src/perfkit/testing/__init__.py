"""For users' own tests: a clock to set, violations to look at, sinks to check, no hidden faults."""

from perfkit.testing.capture import capture_violations, strict
from perfkit.testing.clock import FakeClock
from perfkit.testing.samples import sample_violations
from perfkit.testing.sink_check import check_sink

__all__ = ["FakeClock", "capture_violations", "check_sink", "sample_violations", "strict"]
