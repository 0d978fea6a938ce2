"""The thread of a queue: when it starts, polls, ticks, flushes and ends."""

from __future__ import annotations

import math
import threading
from typing import Any
from unittest.mock import MagicMock

import pytest

from perfkit import Violation
from perfkit.sinks import CallbackSink, DeliveryQueue, DeliveryStats
from perfkit.sinks.delivery import queue as queue_module
from perfkit.sinks.delivery.layer import Layer, supports_batch, tick_of
from tests.sinks.chains import LONGEST, Batches, DeliveredCounter, Gate
from tests.sinks.violations import make_violation


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
    queue = closing(DeliveryQueue(within))
    around = Ticking(Ticking(queue))
    around.emit(make_violation())
    assert within.ticked.wait(LONGEST)
    assert around.ticked.wait(LONGEST)
    assert around.inner.ticked.wait(LONGEST)  # type: ignore[attr-defined]  # it is one too


def test_a_tick_that_fails_is_reported_and_loses_nothing(closing: Any) -> None:
    reported = threading.Event()
    stats = DeliveryStats("pager", lambda *_: reported.set())

    class Failing(Layer):
        def tick(self) -> float | None:
            raise OSError("gone")

    heard: list[Violation] = []
    queue = closing(DeliveryQueue(Failing(CallbackSink(heard.append)), stats=stats))
    queue.emit(make_violation())
    assert reported.wait(LONGEST)
    assert queue.flush(LONGEST)
    assert len(heard) == 1
    assert stats.totals().dropped == 0


@pytest.mark.parametrize("nonsense", ["soon", math.nan, math.inf])
def test_a_tick_that_returns_nonsense_is_not_waited_for(nonsense: Any) -> None:
    class Nonsensical(Layer):
        def tick(self) -> Any:
            return nonsense

    assert tick_of(Nonsensical(print)) is None


def test_a_mock_is_a_sink_of_single_violations_that_never_ticks() -> None:
    mock = MagicMock()
    assert tick_of(mock) is None
    assert not supports_batch(mock)
    mock.tick.assert_not_called()


# -- threads


def test_no_call_wakes_the_thread(closing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds violations when it polls, and so some of them at once."""
    monkeypatch.setattr(queue_module, "POLL_SECONDS", 0.5)
    sink = Batches()
    closing(sink.queue)
    sink.add(1)
    assert sink.has_arrived.wait(LONGEST)
    for _ in range(5):
        sink.add(1)
        threading.Event().wait(0.01)
    assert sink.queue.flush(LONGEST)
    assert sink.sizes == [1, 5]


def test_the_thread_ends_when_it_is_idle_and_the_next_violation_starts_another(
    closing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "IDLE_SECONDS", 0.0)
    sink = Batches()
    closing(sink.queue)
    for count in (1, 2, 3):
        sink.has_arrived.clear()
        sink.add(1)
        thread = sink.queue._thread
        assert thread is not None
        assert sink.has_arrived.wait(LONGEST)
        thread.join(LONGEST)
        assert sink.sizes == [1] * count
        assert sink.queue._thread is None


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_without_a_thread_to_be_had_the_violation_waits_for_the_next_try(
    monkeypatch: pytest.MonkeyPatch, closing: Any, error: Exception
) -> None:
    heard: list[Violation] = []
    queue = closing(DeliveryQueue(CallbackSink(heard.append)))

    def refuse(_: threading.Thread) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        queue.emit(make_violation())
    queue.emit(make_violation())
    assert queue.flush(LONGEST)
    assert len(heard) == 2


def test_where_no_thread_can_be_had_a_flush_says_that_something_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It delivers nothing by itself: a sink that hangs would take the caller along."""
    stats = DeliveryStats()
    queue = DeliveryQueue(CallbackSink(print), stats=stats)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    queue.emit(make_violation())
    assert not queue.flush(LONGEST)
    assert queue.drop_pending() == 1
    assert stats.totals().dropped_by == {"shutdown": 1}


def test_a_flush_says_when_something_still_waits(gate: Gate, closing: Any) -> None:
    queue = closing(DeliveryQueue(gate))
    queue.emit(make_violation())
    assert not queue.flush(0.0)
    assert not queue.close(0.01)
    gate.is_open.set()
    assert queue.flush(LONGEST)


class Buffering(Layer):
    """A layer that buffers until it is flushed."""

    def after_fork_in_child(self) -> None:
        self.buffer: list[Violation] = []

    def emit_many(self, violations: Any) -> None:
        self.buffer += violations

    def flush(self, seconds: float) -> bool:
        buffer, self.buffer = self.buffer, []
        super().emit_many(buffer)
        return super().flush(seconds)


def test_a_flush_is_bounded_also_where_a_layer_within_buffers(gate: Gate, closing: Any) -> None:
    stats = DeliveryStats()
    queue = closing(DeliveryQueue(Buffering(DeliveredCounter(gate, stats=stats)), stats=stats))
    for _ in range(3):
        stats.take()
        queue.emit(make_violation())
    assert not queue.flush(0.05)
    assert stats.totals().waiting == 3
    gate.is_open.set()
    assert queue.flush(LONGEST)
    assert stats.totals().delivered == 3


def test_a_flush_does_not_take_an_earlier_one_for_its_own(gate: Gate, closing: Any) -> None:
    queue = closing(DeliveryQueue(Buffering(gate)))
    queue.emit(make_violation())
    assert not queue.flush(0.0)
    assert gate.has_begun.wait(LONGEST)  # in the flush of the first one
    queue.emit(make_violation())
    results: list[bool] = []
    second = threading.Thread(target=lambda: results.append(queue.flush(LONGEST)))
    second.start()
    while queue._flushes_requested < 2:
        assert not results
    gate.is_open.set()
    second.join(LONGEST)
    assert results == [True]
    assert len(gate.heard) == 2


def test_a_flush_without_time_is_done_at_the_next_poll(closing: Any) -> None:
    has_arrived = threading.Event()
    queue = closing(DeliveryQueue(lambda _: has_arrived.set(), batch_wait=3600.0))
    queue.emit(make_violation())
    assert not queue.flush(0.0)
    assert has_arrived.wait(LONGEST)  # though the batch was to wait for an hour


def test_an_empty_queue_starts_no_thread_for_a_flush() -> None:
    queue = DeliveryQueue(CallbackSink(lambda _: None), stats=DeliveryStats("idle"))
    assert queue.flush(0.0)
    assert not [each for each in threading.enumerate() if each.name == "perfkit-idle"]


def test_a_flush_within_that_fails_is_reported_and_tried_again_by_the_next(closing: Any) -> None:
    reported: list[str] = []
    failures = [OSError("gone")]

    class Failing(Layer):
        def flush(self, seconds: float) -> bool:
            if failures:
                raise failures.pop()
            return super().flush(seconds)

    stats = DeliveryStats("pager", lambda _, error: reported.append(str(error)))
    queue = closing(DeliveryQueue(Failing(print), stats=stats))
    queue.emit(make_violation())
    assert not queue.flush(LONGEST)
    assert queue.flush(LONGEST)
    assert reported == ["gone"]


def test_a_sink_that_flushes_itself_does_not_hang(closing: Any) -> None:
    answers: list[bool] = []
    queue = closing(DeliveryQueue(CallbackSink(lambda _: answers.append(queue.flush(1.0)))))
    queue.emit(make_violation())
    assert queue.flush(LONGEST)
    assert answers == [False]


def test_it_goes_on_after_it_was_closed(closing: Any) -> None:
    heard: list[Violation] = []
    queue = closing(DeliveryQueue(CallbackSink(heard.append)))
    for _ in range(3):
        queue.emit(make_violation())
        assert queue.close(LONGEST)
    assert len(heard) == 3


def test_what_is_given_up_is_counted(gate: Gate, closing: Any) -> None:
    stats = DeliveryStats()
    queue = closing(DeliveryQueue(gate, stats=stats))
    for _ in range(4):
        queue.emit(make_violation())
    assert gate.has_begun.wait(LONGEST)
    assert queue.drop_pending() == 3
    assert stats.totals().dropped_by == {"shutdown": 3}
    gate.is_open.set()
