"""Layers that suppress violations; and sums of all layers, from several threads and in forks."""

from __future__ import annotations

import itertools
import os
import threading
from functools import partial
from typing import Any

import pytest

from perfkit import Severity, State
from perfkit.model import Route, Violation
from perfkit.sinks import CircuitBroken, Deduplicated, Filtered, RateLimited, Retried
from perfkit.sinks.delivery.layer import MOST_KEYS
from perfkit.sinks.delivery.suppressing import SuppressingLayer
from tests.sinks.chains import (
    LONGEST,
    Chain,
    Gate,
    Kept,
    KeptTogether,
    fork_while_locked,
    in_threads,
    of,
    recovery_of,
)

pytest.importorskip("tenacity")

SECOND = 1_000_000_000

# -- each by itself


def test_a_filter_lets_through_what_is_wanted_and_counts_the_rest() -> None:
    chain = Chain(partial(Filtered, match=Route(sinks=(), budget="a*").matches))
    for name in ("a", "b", "ab"):
        chain.emit(of(name))
    assert [each.budget.name for each in chain.sink.got] == ["a", "ab"]
    assert chain.stats.totals().suppressed_by == {"filter": 1}


def test_a_rate_limit_lets_a_recovery_through_without_a_token() -> None:
    chain = Chain(partial(RateLimited, per_second=1.0))
    for violation in (of("a"), of("a"), recovery_of("a")):
        chain.emit(violation)
    assert [each.is_recovery for each in chain.sink.got] == [False, True]
    assert chain.sink.got[-1].suppressed == 1


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    chain = Chain(partial(RateLimited, per_second=1.0))
    chain.now.seconds = 10.0
    chain.emit(of("a"))
    for seconds in (5.0, 10.0, 10.5):
        chain.now.seconds = seconds
        chain.emit(of("a"))
    assert len(chain.sink.got) == 1


def test_a_recovery_ends_the_incident_of_its_kind() -> None:
    chain = Chain(partial(Deduplicated, repeat_interval=10.0))
    for violation in (of("a"), of("a", Severity.CRITICAL), recovery_of("a", Severity.CRITICAL)):
        chain.emit(violation)
    chain.emit(of("a"))
    assert len(chain.sink.got) == 4


def test_without_send_resolved_an_incident_ends_without_a_recovery() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0, send_resolved=False))
    for seconds in (0.0, 5.0, 15.0):
        chain.now.seconds = seconds
        chain.tick()
        chain.emit(of("a"))
    assert [each.suppressed for each in chain.sink.got] == [0, 1]
    assert not any(each.is_recovery or each.since_ns for each in chain.sink.got)
    assert chain.sums == (3, 2, 1, 0, 0)


def test_an_incident_is_delivered_when_it_begins_and_when_it_is_resolved() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0))
    for second in (0.0, 5.0, 14.0):
        chain.now.seconds = second
        chain.emit(of("a", at_ns=round((second + 1) * SECOND)))
    assert chain.tick() == 10.0
    chain.now.seconds = 30.0
    assert chain.tick() is None
    begin, end = chain.sink.got
    assert (begin.since_ns, begin.is_recovery, begin.suppressed) == (SECOND, False, 0)
    assert (end.since_ns, end.at_ns, end.state) == (SECOND, 25 * SECOND, State.MET)
    assert (end.is_recovery, end.suppressed, end.suppressed_since_ns) == (True, 2, 6 * SECOND)
    assert chain.sums == (4, 2, 2, 0, 0)


def test_a_recovery_has_the_severity_that_was_delivered() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0))
    chain.emit(of("a", Severity.CRITICAL))
    chain.emit(of("a", Severity.INFO))
    chain.now.seconds = 10.0
    chain.tick()
    assert chain.sink.got[-1].severity is Severity.CRITICAL


def test_violations_of_windows_pass_unchanged() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0))
    windows = [of("a", since_ns=5), of("a", since_ns=5), recovery_of("a")]
    for violation in windows:
        chain.emit(violation)
    assert chain.sink.got == windows
    assert chain.tick() is None


def test_a_recovery_that_fails_is_counted_and_reported() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0), Kept())
    chain.emit(of("a"))
    chain.emit(of("b"))
    chain.now.seconds = 10.0
    chain.sink.failures = [OSError("gone")]
    chain.tick()
    assert chain.sums == (4, 3, 0, 1, 0)
    assert list(map(str, chain.failures)) == ["gone"]


def test_no_incident_is_reported_before_the_last_one_is_reported_resolved(gate: Gate) -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0))
    chain.emit(of("a"))
    chain.now.seconds = 10.0
    chain.inner.inner.inner = gate
    ticking = threading.Thread(target=chain.tick)
    ticking.start()
    assert gate.has_begun.wait(LONGEST)
    for _ in range(3):
        chain.emit(of("a"))
    assert chain.sums == (5, 1, 2, 0, 2)
    gate.is_open.set()
    ticking.join()
    assert [(each.is_recovery, each.suppressed) for each in gate.heard] == [(True, 0), (False, 2)]
    assert chain.sums == (5, 3, 2, 0, 0)


def test_an_interrupted_recovery_and_what_follows_it_are_counted() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0))
    chain.emit(of("a"))
    chain.now.seconds = 10.0

    class _Interrupts(Kept):
        def emit(self, violation: Violation) -> None:
            chain.emit(of("a"))  # as if it came in another thread
            raise KeyboardInterrupt

    chain.inner.inner.inner = _Interrupts()
    with pytest.raises(KeyboardInterrupt):
        chain.tick()
    assert chain.sums == (3, 1, 0, 2, 0)
    chain.inner.inner.inner = kept = Kept()
    chain.emit(of("a"))  # begins another incident
    assert [each.is_recovery for each in kept.got] == [False]


# -- common to all of them

HOLDING: dict[str, Any] = {
    "rate limit": partial(RateLimited, per_second=0.001),
    "repeat": partial(Deduplicated, repeat_interval=1000.0),
    "resolve": partial(Deduplicated, repeat_interval=1000.0, resolve_after=2000.0),
}


@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_what_was_held_back_is_said_later_if_the_sink_fails_just_then(make: Any) -> None:
    chain = Chain(make)
    chain.emit(of("a"))
    chain.emit(of("a", at_ns=7))
    chain.emit(of("a", at_ns=8))
    for seconds, failures in ((1000.0, [OSError()]), (2000.0, [])):
        chain.now.seconds = seconds
        chain.sink.failures = list(failures)
        chain.emit(of("a"))
    assert [each.suppressed for each in chain.sink.got] == [0, 2]
    assert chain.sink.got[-1].suppressed_since_ns == 7
    assert chain.sums == (5, 2, 2, 1, 0)


@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_what_an_outer_layer_held_back_is_not_forgotten(make: Any) -> None:
    chain = Chain(make)
    chain.emit(of("a"))
    chain.emit(of("a", at_ns=9, suppressed=3, suppressed_since_ns=5))
    chain.now.seconds = 1000.0
    chain.emit(of("a", at_ns=20, suppressed=2, suppressed_since_ns=15))
    assert chain.sink.got[-1].suppressed == 3 + 1 + 2
    assert chain.sink.got[-1].suppressed_since_ns == 5


@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_of_many_at_once_only_those_are_lost_that_the_sink_did_not_take(make: Any) -> None:
    chain = Chain(make, KeptTogether(OSError()))
    violations = [of("a"), of("a"), of("b"), of("b")]
    chain.stats.take(4)
    chain.inner.emit_many(violations)
    raised, delivered, suppressed, dropped, waiting = chain.sums
    assert (raised, waiting) == (4, 0)
    assert delivered == len(chain.sink.got)
    assert suppressed + dropped == 4 - delivered
    assert dropped >= 1


def test_many_at_once_of_which_all_fail_are_left_to_whoever_gave_them() -> None:
    chain = Chain(partial(Deduplicated, repeat_interval=10.0), KeptTogether(OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        chain.inner.emit_many([of("a"), of("b")])
    assert chain.stats.totals().dropped == 0


def test_a_filter_counts_what_fails_of_many_at_once() -> None:
    match = Route(sinks=(), budget="a").matches
    chain = Chain(partial(Filtered, match=match), KeptTogether(OSError("gone")))
    chain.stats.take(2)
    chain.inner.emit_many([of("a"), of("b")])
    assert chain.sums == (2, 0, 1, 1, 0)


@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_no_layer_remembers_more_kinds_than_a_thousand(make: Any) -> None:
    chain = Chain(make)
    for number in range(MOST_KEYS + 200):
        chain.emit(of(f"budget_{number}"))
        chain.emit(of(f"budget_{number}"))
    remembered = [
        value
        for value in (*vars(chain.inner).values(), chain.inner._held)
        if isinstance(value, dict)
    ]
    assert all(len(each) <= MOST_KEYS for each in remembered)
    assert chain.sums[0] == 2 * (MOST_KEYS + 200)
    assert chain.sums[-1] == 0


def test_with_too_many_incidents_the_others_pass_until_there_is_room() -> None:
    chain = Chain(partial(Deduplicated, resolve_after=10.0))
    for number in range(MOST_KEYS + 1):
        chain.emit(of(f"budget_{number}"))
    chain.emit(of("too_many"))
    assert chain.sink.got[-1].since_ns == 0
    chain.now.seconds = 10.0
    chain.emit(of("too_many"))
    assert chain.sink.got[-1].since_ns > 0


# -- from several threads, and in the child of a fork


class _FailsNowAndThen(Kept):
    """Fails each third time, but for recoveries."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = itertools.count(1)

    def emit(self, violation: Violation) -> None:
        if next(self.calls) % 3 == 0 and not violation.is_recovery:
            raise OSError
        super().emit(violation)


def _broken_after_two_attempts(inner: Any, **shared: Any) -> Any:
    inner = Retried(inner, 2, sleep=lambda _: None, **shared)
    return CircuitBroken(inner, 3, 1.0, **shared)


EACH = 500


@pytest.mark.parametrize(
    "make",
    [
        partial(Filtered, match=lambda violation: violation.budget.name != "b0"),
        partial(RateLimited, per_second=1.0, burst=7),
        partial(Deduplicated, repeat_interval=3.0),
        partial(Deduplicated, repeat_interval=2.0, resolve_after=1.0),
        partial(CircuitBroken, max_failures=1, cooldown=1.0),
        _broken_after_two_attempts,
    ],
    ids=["filter", *HOLDING, "breaker", "retry"],
)
def test_sums_are_exact_from_several_threads(make: Any) -> None:
    chain = Chain(make, _FailsNowAndThen())

    def work(number: int) -> None:
        for turn in range(EACH):
            chain.emit(of(f"b{turn % 3}"))
            if turn % 10 == 0:
                chain.now.seconds += 0.25
                chain.tick()

    in_threads(work)
    chain.now.seconds += 1000.0
    chain.tick()
    raised, delivered, suppressed, dropped, waiting = chain.sums
    recoveries = sum(each.is_recovery for each in chain.sink.got)
    assert raised == 8 * EACH + recoveries
    assert delivered == len(chain.sink.got)
    assert (dropped > 0, waiting) == (True, 0)
    if isinstance(chain.inner, SuppressingLayer):
        told = sum(each.suppressed for each in chain.sink.got)
        left = sum(count for count, _ in chain.inner._held.values())
        assert told + left == suppressed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("make", [*HOLDING.values(), CircuitBroken], ids=[*HOLDING, "breaker"])
def test_a_forked_child_begins_anew_though_the_lock_was_held(make: Any) -> None:
    chain = Chain(make)
    chain.emit(of("a"))
    chain.emit(of("a"))
    before = chain.sums

    def in_child() -> None:
        chain.sink.got.clear()
        chain.emit(of("a"))
        assert [each.suppressed for each in chain.sink.got] == [0]
        assert chain.sums == (1, 1, 0, 0, 0)

    assert fork_while_locked(chain.inner, in_child) == 0
    assert chain.sums == before
