"""What perfkit costs is kept within a share of wall time."""

from __future__ import annotations

import pytest

import perfkit
from perfkit import Metric, budget
from perfkit.catalog import parse_limits
from perfkit.model import Budget
from perfkit.runtime.overhead_limit import OverheadLimit
from perfkit.testing import FakeClock

_SECOND = 10**9


def test_a_minute_of_allowance_is_there_at_first_and_no_more(clock: FakeClock) -> None:
    overhead_limit = OverheadLimit(0.01, clock)
    clock.advance(86_400)
    assert overhead_limit.allows()
    overhead_limit.spend(_SECOND)
    assert not overhead_limit.allows()
    clock.advance(39)
    assert not overhead_limit.allows()
    clock.advance(2)
    assert overhead_limit.allows()


def test_the_share_spent_is_kept_below_the_most(clock: FakeClock) -> None:
    overhead_limit = OverheadLimit(0.02, clock)
    clock.advance(600)
    spent = 0.0
    for _ in range(10_000):
        clock.advance(0.1)
        if overhead_limit.allows():
            overhead_limit.spend(_SECOND // 20)
            spent += 0.05
    assert spent / 1000 == pytest.approx(0.02, rel=0.1)
    assert overhead_limit.overhead() == pytest.approx(0.02, rel=0.1)


def test_what_was_spent_more_than_a_minute_ago_is_forgotten(clock: FakeClock) -> None:
    overhead_limit = OverheadLimit(0.01, clock)
    clock.advance(60)
    overhead_limit.spend(3 * _SECOND)
    assert overhead_limit.overhead() == pytest.approx(0.05)
    clock.advance(61)
    assert overhead_limit.overhead() == 0


def test_all_of_it_means_that_nothing_is_held_back(clock: FakeClock) -> None:
    overhead_limit = OverheadLimit(1.0, clock)
    overhead_limit.spend(10**15)
    assert overhead_limit.allows()


def test_a_memory_limit_of_the_catalog_is_left_out_when_the_allowance_is_gone(
    clock: FakeClock,
) -> None:
    promise = Budget(name="load", limits=parse_limits(Metric.MEMORY_PEAK, "50MB"))
    perfkit.configure(perfkit.Catalog(budgets=[promise]), clock=clock, max_overhead="1%")
    states, reasons = [], set()
    for _ in range(100):
        with budget("load") as spent:
            clock.advance(0.2)
        states.append(str(spent.state))
        reasons |= {verdict.reason for verdict in spent.verdicts}
    assert 3 <= states.count("met") <= 5
    assert reasons == {"", "left out: perfkit's own cost had reached max_overhead"}


def test_what_a_place_asks_for_itself_is_always_measured(clock: FakeClock) -> None:
    perfkit.configure(perfkit.Catalog(), clock=clock, max_overhead="1%")
    states = set()
    for _ in range(20):
        with budget("load", memory_peak="50MB") as spent:
            clock.advance(0.5)
        states.add(str(spent.state))
    assert states == {"met"}
