"""What perfkit gives to users' own tests."""

from __future__ import annotations

import perfkit
from perfkit import budget
from perfkit.testing import FakeClock, capture_violations


def test_a_fake_clock_stands_still_until_told() -> None:
    clock = FakeClock(start=100.0)
    assert (clock.monotonic_ns(), clock.time_ns()) == (0, 100_000_000_000)
    clock.advance(1.5)
    assert (clock.monotonic_ns(), clock.time_ns()) == (1_500_000_000, 101_500_000_000)


def test_captured_violations_go_nowhere_else(clock: FakeClock) -> None:
    heard: list[perfkit.Violation] = []
    perfkit.configure(perfkit.Catalog(), clock=clock, sinks=[heard.append])
    with capture_violations() as captured, budget("load", duration="1s"):
        clock.advance(2)
    with budget("load", duration="1s"):
        clock.advance(3)
    assert ([v.value for v in captured], [v.value for v in heard]) == ([2.0], [3.0])
