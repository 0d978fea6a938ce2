"""Counting in bulk says exactly what judging and counting one by one would."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.catalog import parse_limits
from perfkit.evaluation.bulk_counter import CAPACITY, BulkCounter
from perfkit.evaluation.per_call import judge
from perfkit.evaluation.thresholds_ns import last_ns_within, thresholds_of
from perfkit.model import Budget, CodeLocation, Measurement, Metric, Outcome, Reading, State

_BOUNDS = [0.001, 0.01, 0.1, 0.3, 1.0]
_LIMITS = parse_limits(Metric.DURATION, ("10ms", "300ms"))
_DURATIONS = st.one_of(
    st.integers(min_value=0, max_value=2 * 10**9),
    st.sampled_from([10_000_000, 10_000_001, 300_000_000, 300_000_001, 999_999_999, 10**9]),
)


def _tally(limits: Any = _LIMITS) -> BulkCounter:
    bulk_counter = BulkCounter(_BOUNDS, limits)
    bulk_counter.add_reader("reader", 1)
    return bulk_counter


def _states_one_by_one(durations: list[int], outcome: Outcome, limits: Any) -> Counter[Any]:
    budget = Budget(name="load", limits=limits)
    counted: Counter[Any] = Counter()
    for nanoseconds in durations:
        measurement = Measurement(
            where=CodeLocation(function="f"),
            started_ns=0,
            readings={Metric.DURATION: Reading(value=nanoseconds / 1e9)},
            outcome=outcome,
        )
        counted.update((v.limit.metric, v.state) for v in judge(budget, measurement))
    return counted


@given(st.floats(min_value=0, max_value=1e6))
def test_the_last_nanosecond_within_is_within_and_the_next_is_not(seconds: float) -> None:
    nanoseconds = last_ns_within(seconds)
    assert nanoseconds / 1e9 <= seconds < (nanoseconds + 1) / 1e9


@given(st.lists(_DURATIONS), st.sampled_from(list(Outcome)))
def test_buckets_sums_and_verdicts_are_those_of_each_call(
    durations: list[int], outcome: Outcome
) -> None:
    limits = (
        *_LIMITS,
        *parse_limits(Metric.DURATION, {"threshold": "1s", "statistic": "p95"}),
        *parse_limits(Metric.HIT_RATIO, "90%"),
    )
    bulk_counter = _tally(limits)
    for nanoseconds in durations:
        bulk_counter.add(outcome, nanoseconds)
    account = bulk_counter.read("reader", 2, reset=False)
    assert account.verdicts == _states_one_by_one(durations, outcome, limits)
    if durations:
        distribution = account.by_outcome[outcome]
        expected = Counter(bisect_left(_BOUNDS, each / 1e9) for each in durations)
        assert distribution.buckets == [expected[i] for i in range(len(_BOUNDS) + 1)]
        assert distribution.sum_ns == sum(durations)
        assert (distribution.min_ns, distribution.max_ns) == (min(durations), max(durations))


@given(_DURATIONS, st.sampled_from(list(Outcome)))
def test_lines_give_the_worst_state_that_judging_gives(nanoseconds: int, outcome: Outcome) -> None:
    for limits in (_LIMITS, (*_LIMITS, *parse_limits(Metric.HIT_RATIO, "90%")), ()):
        states = [state for _, state in _states_one_by_one([nanoseconds], outcome, limits)]
        worst = max(states, key=lambda state: state.rank, default=None)
        assert thresholds_of(limits).state_of(outcome, nanoseconds) is worst


def test_a_reader_that_resets_gets_each_call_once() -> None:
    bulk_counter = _tally()
    bulk_counter.add_reader("other", 1)
    for batch in (3, 5):
        for _ in range(batch):
            bulk_counter.durations.append(1000)
        account = bulk_counter.read("reader", 7, reset=True)
        assert account.by_outcome[Outcome.OK].count == batch
    assert bulk_counter.read("other", 9, reset=False).by_outcome[Outcome.OK].count == 8
    assert bulk_counter.read("reader", 9, reset=True).since_ns == 7


def test_what_was_judged_elsewhere_is_counted_but_not_judged_again() -> None:
    bulk_counter = _tally()
    budget = Budget(name="load", limits=_LIMITS)
    measurement = Measurement(
        where=CodeLocation(function="f"),
        started_ns=0,
        readings={Metric.DURATION: Reading(value=1.0)},
        slowed_by=frozenset({"cProfile"}),
    )
    bulk_counter.add_judged(Outcome.OK, None, judge(budget, measurement))
    bulk_counter.add_judged(Outcome.OK, 5, [])
    account = bulk_counter.read("reader", 2, reset=False)
    assert account.verdicts == {(Metric.DURATION, State.NO_DATA): 1}
    assert account.by_outcome[Outcome.OK].count == 1


def test_nothing_is_lost_between_eight_threads_and_a_reader() -> None:
    bulk_counter = _tally()
    counted = 0
    is_over = threading.Event()

    def read() -> None:
        nonlocal counted
        while not is_over.is_set():
            account = bulk_counter.read("reader", 2, reset=True)
            counted += sum(d.count for d in account.by_outcome.values())

    def add() -> None:
        for nanoseconds in range(20_000):
            bulk_counter.durations.append(nanoseconds)
            if len(bulk_counter.durations) >= CAPACITY:
                bulk_counter.drain()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=add) for _ in range(8)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    reader.join()
    account = bulk_counter.read("reader", 2, reset=True)
    counted += sum(d.count for d in account.by_outcome.values())
    assert counted == 160_000


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_forked_child_starts_from_nothing(outcome: Outcome) -> None:
    bulk_counter = _tally()
    bulk_counter.add(outcome, 5)
    bulk_counter.reset(9)
    account = bulk_counter.read("reader", 10, reset=False)
    assert (account.since_ns, account.by_outcome, account.verdicts) == (9, {}, {})
