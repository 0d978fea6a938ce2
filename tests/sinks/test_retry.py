"""What fails is tried again, after longer and longer waits that differ, and not for ever."""

from __future__ import annotations

import math
import sys
from functools import partial
from typing import Any

import pytest

from perfkit import MissingExtraError
from perfkit.errors import DeliveryError
from perfkit.sinks import Retried
from tests.sinks.chains import (
    Chain,
    Kept,
    KeptTogether,
    of,
)

pytest.importorskip("tenacity")


def _retried(
    *failures: BaseException, attempts: int = 3, sink: Any = None
) -> tuple[Chain, list[float]]:
    slept: list[float] = []
    make = partial(Retried, max_attempts=attempts, first_wait=1.0, sleep=slept.append)
    return Chain(make, sink or Kept(*failures)), slept


def test_what_may_succeed_later_is_tried_again() -> None:
    chain, slept = _retried(OSError(), DeliveryError(""))
    chain.emit(of("a"))
    assert chain.sums == (1, 1, 0, 0, 0)
    assert len(slept) == 2


def test_waits_are_random_and_grow() -> None:
    chain, slept = _retried(*[OSError()] * 400, attempts=10)
    for _ in range(40):
        chain.emit(of("a"))
    for attempt in range(9):
        waits = slept[attempt::9]
        assert len(set(waits)) > 30
        assert max(waits) <= min(2.0**attempt, 60.0)
        assert max(waits) > min(2.0**attempt, 60.0) / 2


@pytest.mark.parametrize(("asked", "waited"), [(5.0, 5.0), (3600.0, 60.0)])
def test_the_wait_that_a_receiver_asks_for_is_kept_up_to_a_minute(
    asked: float, waited: float
) -> None:
    chain, slept = _retried(DeliveryError("", retry_after=asked))
    chain.emit(of("a"))
    assert slept == [waited]


@pytest.mark.parametrize("asked", [0.0, -1.0, math.nan])
def test_a_receiver_that_asks_for_no_wait_gets_the_usual_one(asked: float) -> None:
    chain, slept = _retried(DeliveryError("", retry_after=asked))
    chain.emit(of("a"))
    assert 0 < slept[0] <= 1.0


@pytest.mark.parametrize(
    "error", [DeliveryError("no", is_permanent=True), ValueError("no"), SystemExit("no")]
)
def test_what_cannot_succeed_is_not_tried_again(error: BaseException) -> None:
    chain, slept = _retried(error)
    chain.emit(of("a"))
    assert (slept, chain.sums) == ([], (1, 0, 0, 1, 0))


def test_the_last_failure_is_the_one_that_is_told() -> None:
    chain, slept = _retried(OSError("1"), OSError("2"), DeliveryError("3", reason="unreachable"))
    chain.emit(of("a"))
    assert list(map(str, chain.failures)) == ["3"]
    assert chain.stats.totals().dropped_by == {"unreachable": 1}
    assert len(slept) == 2


def test_too_many_at_once_are_halved_until_they_fit() -> None:
    sink = KeptTogether(most=2)
    sink.too_large = DeliveryError("", is_too_large=True)
    chain, slept = _retried(sink=sink)
    chain.stats.take(7)
    chain.inner.emit_many([of(str(number)) for number in range(7)])
    assert [each.budget.name for each in sink.got] == [str(number) for number in range(7)]
    assert max(len(batch) for batch in sink.batches) <= 2
    assert (slept, chain.sums) == ([], (7, 7, 0, 0, 0))


def test_of_halves_only_what_is_lost_is_counted_as_lost() -> None:
    sink = KeptTogether(ValueError("first half"), most=2)
    sink.too_large = DeliveryError("", is_too_large=True, is_permanent=True)
    chain, _ = _retried(sink=sink)
    chain.stats.take(4)
    chain.inner.emit_many([of(str(number)) for number in range(4)])
    assert [each.budget.name for each in sink.got] == ["2", "3"]
    assert chain.sums == (4, 2, 0, 2, 0)
    assert list(map(str, chain.failures)) == ["first half"]


def test_one_that_is_too_large_by_itself_is_lost() -> None:
    sink = KeptTogether(most=0)
    sink.too_large = DeliveryError("too large", is_too_large=True)
    chain, slept = _retried(sink=sink)
    with pytest.raises(DeliveryError, match="too large"):
        chain.inner.emit_many([of("a")] * 4)
    chain.emit(of("a"))
    assert (slept, chain.sums) == ([], (1, 0, 0, 1, 0))


def test_where_one_at_a_time_arrives_only_what_failed_is_sent_again() -> None:
    sink = Kept(OSError(), OSError(), OSError())
    chain, _ = _retried(sink=sink)
    chain.stats.take(3)
    chain.inner.emit_many([of(name) for name in "abc"])
    assert [each.budget.name for each in sink.got] == ["b", "c"]
    assert chain.sums == (3, 2, 0, 1, 0)


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'perfkit\[webhook\]'"):
        Retried(Kept())
