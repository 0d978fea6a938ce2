"""A fan-out gives each violation to all its sinks, whatever becomes of the others."""

from __future__ import annotations

import pytest

from perfkit import BudgetExceeded, Violation
from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.sinks import DeliveryStats, FanOut, LogSink, RaiseSink
from tests.sinks.chains import (
    Chain,
    DeliveredCounter,
    DeliveryEntry,
    Kept,
    KeptTogether,
    of,
)


class _Ticking(Kept):
    """Ticks and flushes as told, and notes for how long it may flush."""

    def __init__(self, wait: float | None, is_empty: bool = True) -> None:  # noqa: FBT001, FBT002 - a fake
        super().__init__()
        self.wait, self.is_empty = wait, is_empty
        self.error: Exception | None = None
        self.called = 0

    def tick(self) -> float | None:
        self.called += 1
        if self.error:
            raise self.error
        return self.wait

    def flush(self, seconds: float) -> bool:
        self.called += 1
        if self.error:
            raise self.error
        assert seconds <= 5.0
        return self.is_empty


def test_all_sinks_hear_in_their_order() -> None:
    one, other = Kept(), Kept()
    FanOut([one, other]).emit(violation := of("a"))
    assert one.got == other.got == [violation]


@pytest.mark.parametrize("error", [OSError("gone"), SystemExit("gone")])
def test_one_that_fails_does_not_keep_it_from_the_others(error: BaseException) -> None:
    failing, other = Kept(error), Kept()
    with pytest.raises(DeliveryError, match=r"1 of 2 failed: \w+: gone") as caught:
        FanOut([failing, other]).emit(of("a"))
    assert len(other.got) == 1
    assert caught.value.is_permanent
    assert caught.value.__cause__ is error


def test_a_raise_sink_among_them_raises_after_all_have_heard() -> None:
    other = Kept(OSError("gone"))
    fan_out = FanOut([RaiseSink(), other, last := Kept()])
    assert fan_out.reaches_caller
    with pytest.raises(BudgetExceeded) as caught:
        fan_out.emit(of("a"))
    assert len(last.got) == 1
    assert isinstance(caught.value.__cause__, DeliveryError)
    assert not FanOut([other]).reaches_caller


def test_many_at_once_are_counted_one_by_one() -> None:
    chain = Chain(lambda inner, **_: inner, FanOut([KeptTogether(OSError()), Kept()]))
    chain.inner.stats = chain.stats
    for name in "abc":
        chain.emit(of(name))
    assert chain.sums == (3, 2, 0, 1, 0)


def test_each_sink_keeps_its_own_account() -> None:
    accounts = [DeliveryStats("one"), DeliveryStats("other")]
    sinks = [Kept(), Kept(OSError())]
    chains = [
        DeliveryEntry(DeliveredCounter(sink, stats=stats), stats=stats)
        for sink, stats in zip(sinks, accounts, strict=True)
    ]
    for _ in range(3):
        FanOut(chains).emit(of("a"))
    totals = [stats.totals() for stats in accounts]
    assert [(each.delivered, each.dropped) for each in totals] == [(3, 0), (2, 1)]


def test_it_says_where_it_leads() -> None:
    assert FanOut([]).destination == "nowhere"
    assert FanOut([Kept(), LogSink("app")]).destination == f"Kept and {LogSink('app').destination}"


def test_it_ticks_each_and_tells_the_shortest_wait() -> None:
    assert FanOut([_Ticking(3.0), _Ticking(None), _Ticking(2.0), Kept()]).tick() == 2.0
    assert FanOut([_Ticking(None), Kept()]).tick() is None


def test_a_flush_tells_whether_nothing_waits_in_any() -> None:
    assert FanOut([_Ticking(None), Kept()]).flush(5.0)
    assert not FanOut([_Ticking(None, is_empty=False), _Ticking(None)]).flush(5.0)


@pytest.mark.parametrize("method", ["tick", "flush"])
def test_one_that_fails_to_tick_or_to_flush_does_not_keep_the_others_from_it(method: str) -> None:
    failing, other = _Ticking(None), _Ticking(None)
    failing.error = OSError("gone")
    arguments = [5.0] if method == "flush" else []
    with pytest.raises(OSError, match="gone"):
        getattr(FanOut([failing, other]), method)(*arguments)
    assert other.called == 1


def test_it_takes_callables_and_refuses_what_is_no_sink() -> None:
    heard: list[Violation] = []
    FanOut([heard.append]).emit(of("a"))
    assert len(heard) == 1
    with pytest.raises(ConfigurationError, match="of type str is not a sink; pass"):
        FanOut(["log"])
