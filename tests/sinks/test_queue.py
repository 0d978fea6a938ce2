"""Nobody waits for a sink, and what waits for it is bounded, counted, and brought away."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from perfkit import DeliveryError, Violation
from perfkit.errors import ConfigurationError
from perfkit.sinks import Background, Batched, CallbackSink, DeliveryStats
from perfkit.sinks.delivery.entry import DeliveredCounter, DeliveryEntry
from perfkit.sinks.delivery.layer import Layer
from perfkit.sinks.delivery.queue import Queued
from tests.sinks.chains import FailingFlush
from tests.sinks.violations import make_violation

_LONGEST = 20.0
"""Seconds: far longer than anything here takes, unless it hangs."""


class Gate:
    """A sink that waits until it is let go, and keeps what it gets."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.has_begun = threading.Event()
        self.heard: list[Violation] = []

    def emit(self, violation: Violation) -> None:
        self.has_begun.set()
        assert self.is_open.wait(_LONGEST)
        self.heard.append(violation)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


@pytest.fixture
def closing() -> Iterator[Callable[[Background], Background]]:
    """Close each background layer that is given to it, at the end of the test."""
    made: list[Background] = []

    def close_later(background: Background) -> Background:
        made.append(background)
        return background

    yield close_later
    for background in made:
        assert background.close(_LONGEST)


def test_it_hands_on_in_order_and_in_another_thread(closing: Any) -> None:
    heard: list[tuple[float, str]] = []
    sink = CallbackSink(lambda v: heard.append((v.value, threading.current_thread().name)))
    background = closing(Background(sink, stats=DeliveryStats("pager")))
    for value in range(50):
        background.emit(make_violation(value=float(value)))
    assert background.flush(_LONGEST)
    assert heard == [(float(value), "perfkit-pager") for value in range(50)]


@pytest.mark.parametrize(
    ("when_full", "kept"), [("drop_oldest", [0.0, 8.0, 9.0]), ("drop_newest", [0.0, 1.0, 2.0])]
)
def test_a_full_queue_drops_and_counts(
    when_full: str, kept: list[float], gate: Gate, closing: Any
) -> None:
    stats = DeliveryStats()
    background = closing(Background(gate, 2, when_full, stats=stats))
    background.emit(make_violation(value=0.0))
    assert gate.has_begun.wait(_LONGEST)
    for value in range(1, 10):
        background.emit(make_violation(value=float(value)))
    assert background.waiting == 3
    gate.is_open.set()
    assert background.flush(_LONGEST)
    assert [violation.value for violation in gate.heard] == kept
    assert stats.totals().dropped_by == {"queue full": 7}


def test_a_sink_that_fails_in_any_way_is_counted_and_does_not_end_the_thread(closing: Any) -> None:
    reported: list[tuple[str, str]] = []
    stats = DeliveryStats("pager", lambda part, error: reported.append((part, str(error))))
    heard: list[float] = []

    def fail(violation: Violation) -> None:
        heard.append(violation.value)
        if violation.value < 3:
            raise (OSError("no route"), SystemExit(3), DeliveryError("late", reason="timeout"))[
                int(violation.value)
            ]

    background = closing(Background(DeliveredCounter(CallbackSink(fail), stats=stats), stats=stats))
    for value in range(5):
        stats.take()
        background.emit(make_violation(value=float(value)))
    assert background.flush(_LONGEST)
    assert heard == [0.0, 1.0, 2.0, 3.0, 4.0]
    totals = stats.totals()
    assert (totals.delivered, totals.dropped_by) == (2, {"failed": 2, "timeout": 1})
    assert totals.waiting == 0
    assert reported == [
        ("sink pager", "no route"),
        ("sink pager", "SystemExit(3)"),
        ("sink pager", "late"),
    ]


def test_a_listener_that_raises_does_not_end_the_thread(closing: Any) -> None:
    def complain(part: str, error: Exception) -> None:
        raise error

    heard: list[Violation] = []

    def sink(violation: Violation) -> None:
        if not heard:
            heard.append(violation)
            raise LookupError
        heard.append(violation)

    background = closing(Background(CallbackSink(sink), stats=DeliveryStats("s", complain)))
    background.emit(make_violation())
    background.emit(make_violation())
    assert background.flush(_LONGEST)
    assert len(heard) == 2


def test_the_sink_sees_the_context_variables_of_the_call(closing: Any) -> None:
    request = contextvars.ContextVar("request", default="none")
    heard: list[str] = []
    background = closing(Background(CallbackSink(lambda _: heard.append(request.get()))))
    for name in ("a", "b"):
        contextvars.copy_context().run(_set_and_emit, request, name, background)
    assert background.flush(_LONGEST)
    assert heard == ["a", "b"]


def _set_and_emit(variable: contextvars.ContextVar[str], text: str, background: Background) -> None:
    variable.set(text)
    background.emit(make_violation())


def test_a_coroutine_callback_runs_in_the_event_loop_of_the_call(closing: Any) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def page(_: Violation) -> None:
        loops.append(asyncio.get_running_loop())

    background = closing(Background(CallbackSink(page)))

    async def application() -> bool:
        background.emit(make_violation())
        await asyncio.to_thread(background.flush, _LONGEST)
        return loops == [asyncio.get_running_loop()]

    assert asyncio.run(application())


class Many:
    """A sink that takes many at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = Gate()

    def emit(self, violation: Violation) -> None:
        self.emit_many([violation])

    def emit_many(self, violations: Any) -> None:
        self.gate.emit(violations[0])
        self.sizes.append(len(violations))


def test_what_waits_goes_together_to_a_sink_that_takes_many(closing: Any) -> None:
    sink, stats = Many(), DeliveryStats()
    background = closing(Background(DeliveredCounter(sink, stats=stats), stats=stats))
    background.emit(make_violation())
    assert sink.gate.has_begun.wait(_LONGEST)
    for _ in range(150):
        background.emit(make_violation())
    sink.gate.is_open.set()
    assert background.flush(_LONGEST)
    assert sink.sizes == [1, 100, 50]
    assert stats.totals().delivered == 151


class Ticking(Layer):
    """A layer that has something due once, soon."""

    def __init__(self, inner: Any, **shared: Any) -> None:
        super().__init__(inner, **shared)
        self.ticked = threading.Event()

    def tick(self) -> float | None:
        super().tick()
        self.ticked.set()
        return None


def test_the_thread_ticks_the_layers_around_and_within(gate: Gate, closing: Any) -> None:
    gate.is_open.set()
    within = Ticking(gate)
    background = closing(Background(within))
    around = Ticking(Ticking(background))
    around.emit(make_violation())
    assert within.ticked.wait(_LONGEST)
    assert around.ticked.wait(_LONGEST)
    assert around.inner.ticked.wait(_LONGEST)  # type: ignore[attr-defined]  # it is one too


def test_a_tick_that_fails_is_reported_and_loses_nothing(closing: Any) -> None:
    reported = threading.Event()
    stats = DeliveryStats("pager", lambda *_: reported.set())

    class Failing(Layer):
        def tick(self) -> float | None:
            raise OSError("gone")

    heard: list[Violation] = []
    background = closing(Background(Failing(CallbackSink(heard.append)), stats=stats))
    background.emit(make_violation())
    assert reported.wait(_LONGEST)
    assert background.flush(_LONGEST)
    assert len(heard) == 1
    assert stats.totals().dropped == 0


def test_a_flush_says_when_something_still_waits(gate: Gate, closing: Any) -> None:
    background = closing(Background(gate))
    background.emit(make_violation())
    assert not background.flush(0.0)
    assert not background.close(0.01)
    gate.is_open.set()
    assert background.flush(_LONGEST)


class Slow:
    """A sink that takes its time, and more than one violation at once."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def emit(self, violation: Violation) -> None:
        self.emit_many([violation])

    def emit_many(self, _: Any) -> None:
        assert self.may_go_on.wait(_LONGEST)


def test_a_flush_is_bounded_also_where_a_batch_waits_within(closing: Any) -> None:
    sink, stats = Slow(), DeliveryStats()
    inner = Batched(DeliveredCounter(sink, stats=stats), 100, 3600.0, stats=stats)
    background = closing(Background(inner, stats=stats))
    for _ in range(3):
        stats.take()
        background.emit(make_violation())
    assert not background.flush(0.05)
    assert stats.totals().waiting == 3
    sink.may_go_on.set()
    assert background.flush(_LONGEST)
    assert stats.totals().delivered == 3


def test_what_waits_in_a_batch_at_the_end_is_counted(closing: Any) -> None:
    stats, has_come = DeliveryStats(), threading.Event()

    class Noting(Layer):
        def emit_many(self, violations: Any) -> None:
            super().emit_many(violations)
            has_come.set()

    inner = Noting(Batched(Slow(), 100, 3600.0, stats=stats))
    background = closing(Background(inner, stats=stats))
    background.emit(make_violation())
    assert has_come.wait(_LONGEST)
    assert background.drop_pending() == 1
    assert stats.totals().dropped_by == {"shutdown": 1}


def test_where_no_thread_can_be_had_a_flush_says_that_something_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It delivers nothing by itself: a sink that hangs would take the caller along."""
    stats = DeliveryStats()
    background = Background(CallbackSink(print), stats=stats)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    background.emit(make_violation())
    assert not background.flush(_LONGEST)
    assert background.drop_pending() == 1
    assert stats.totals().dropped_by == {"shutdown": 1}


def test_a_flush_within_that_fails_is_reported_and_tried_again_by_the_next(closing: Any) -> None:
    reported: list[str] = []

    sink = FailingFlush()
    stats = DeliveryStats("pager", lambda _, error: reported.append(str(error)))
    background = closing(Background(sink, stats=stats))
    background.emit(make_violation())
    assert not background.flush(_LONGEST)
    sink.is_broken = False
    assert background.flush(_LONGEST)
    assert reported == ["gone"]


def test_a_sink_that_flushes_itself_does_not_hang(closing: Any) -> None:
    answers: list[bool] = []
    background = closing(Background(CallbackSink(lambda _: answers.append(background.flush(1.0)))))
    background.emit(make_violation())
    assert background.flush(_LONGEST)
    assert answers == [False]


def test_it_goes_on_after_it_was_closed(closing: Any) -> None:
    heard: list[Violation] = []
    background = closing(Background(CallbackSink(heard.append)))
    for _ in range(3):
        background.emit(make_violation())
        assert background.close(_LONGEST)
    assert len(heard) == 3


def test_what_is_given_up_is_counted(gate: Gate, closing: Any) -> None:
    stats = DeliveryStats()
    background = closing(Background(gate, stats=stats))
    for _ in range(4):
        background.emit(make_violation())
    assert gate.has_begun.wait(_LONGEST)
    assert background.drop_pending() == 3
    assert stats.totals().dropped_by == {"shutdown": 3}
    gate.is_open.set()


def test_without_a_thread_to_be_had_the_violation_waits_for_the_next_try(
    monkeypatch: pytest.MonkeyPatch, closing: Any
) -> None:
    heard: list[Violation] = []
    background = closing(Background(CallbackSink(heard.append)))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        background.emit(make_violation())
    background.emit(make_violation())
    assert background.flush(_LONGEST)
    assert len(heard) == 2


def test_sinks_that_share_a_queue_keep_their_own_accounts(closing: Any) -> None:
    accounts = [DeliveryStats(name) for name in ("good", "bad")]
    heard: list[Violation] = []

    def fail(_: Violation) -> None:
        raise OSError

    shared = closing(Background(CallbackSink(print)))
    sinks = [
        DeliveryEntry(Queued(DeliveredCounter(CallbackSink(f), stats=a), shared, stats=a), stats=a)
        for f, a in zip((heard.append, fail), accounts, strict=True)
    ]
    for sink in sinks * 3:
        sink.emit(make_violation())
    assert all(sink.flush(_LONGEST) for sink in sinks)
    good, bad = (stats.totals() for stats in accounts)
    assert (good.delivered, good.waiting) == (3, 0)
    assert (bad.dropped_by, bad.waiting) == ({"failed": 3}, 0)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"when_full": "wait"}])
def test_an_argument_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="write a size of at least 1, and 'drop_oldest'"):
        Background(CallbackSink(print), **wrong)


# -- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_starts_with_an_empty_queue_and_a_thread_of_its_own(
    gate: Gate, closing: Any
) -> None:
    stats = DeliveryStats()
    background = closing(Background(DeliveredCounter(gate, stats=stats), stats=stats))
    for _ in range(3):
        stats.take()
        background.emit(make_violation())
    assert gate.has_begun.wait(_LONGEST)
    child = os.fork()
    if child == 0:  # pragma: no cover - the child's coverage is not collected
        gate.is_open.set()
        stats.take()
        background.emit(make_violation())
        is_flushed = background.flush(_LONGEST)
        totals = stats.totals()
        os._exit(0 if is_flushed and (totals.raised, totals.delivered) == (1, 1) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.is_open.set()
    assert background.flush(_LONGEST)
    assert len(gate.heard) == 3
    assert stats.totals().delivered == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_sink_that_forks_leaves_no_child_that_delivers(closing: Any, tmp_path: Any) -> None:
    """The child has the thread and the queue; it must end, not deliver all that waits again."""
    path = tmp_path / "heard"
    children: list[int] = []

    def fork(violation: Violation) -> None:
        with path.open("a") as file:
            file.write(f"{violation.value}\n")
        if child := os.fork():
            children.append(child)

    stats = DeliveryStats()
    background = closing(Background(DeliveredCounter(CallbackSink(fork), stats=stats), stats=stats))
    for value in range(3):
        stats.take()
        background.emit(make_violation(value=float(value)))
    assert background.flush(_LONGEST)
    assert {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children} == {0}
    assert path.read_text().split() == [str(float(value)) for value in range(3)]
    assert stats.totals().delivered == 3
