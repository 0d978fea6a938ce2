"""Helpers for tests: a fake clock, captured violations, a check of sinks, and strict mode."""

from perfkit.testing.capture import capture_violations, strict
from perfkit.testing.clock import FakeClock
from perfkit.testing.samples import sample_violations
from perfkit.testing.sink_check import check_sink

__all__ = ["FakeClock", "capture_violations", "check_sink", "sample_violations", "strict"]
