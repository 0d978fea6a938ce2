"""A queue is bounded, counts every violation, delivers batches, and is re-made after a fork."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from perfkit import DeliveryError, Violation
from perfkit.sinks import CallbackSink, DeliveryQueue, DeliveryStats
from perfkit.sinks.delivery.queue import POLL_SECONDS, Queued
from tests.sinks.chains import LONGEST, Batches, DeliveredCounter, DeliveryEntry, Gate
from tests.sinks.violations import make_violation


def test_it_hands_on_in_order_and_in_another_thread(closing: Any) -> None:
    heard: list[tuple[float, str]] = []
    sink = CallbackSink(lambda v: heard.append((v.value, threading.current_thread().name)))
    queue = closing(DeliveryQueue(sink, stats=DeliveryStats("pager")))
    for value in range(50):
        queue.emit(make_violation(value=float(value)))
    assert queue.flush(LONGEST)
    assert heard == [(float(value), "perfkit-pager") for value in range(50)]


@pytest.mark.parametrize(
    ("when_full", "kept"), [("drop_oldest", [0.0, 8.0, 9.0]), ("drop_newest", [0.0, 1.0, 2.0])]
)
def test_a_full_queue_drops_and_counts(
    when_full: str, kept: list[float], gate: Gate, closing: Any
) -> None:
    stats = DeliveryStats()
    queue = closing(DeliveryQueue(gate, 2, when_full, stats=stats))
    queue.emit(make_violation(value=0.0))
    assert gate.has_begun.wait(LONGEST)
    for value in range(1, 10):
        queue.emit(make_violation(value=float(value)))
    assert queue.waiting == 3
    gate.is_open.set()
    assert queue.flush(LONGEST)
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

    queue = closing(DeliveryQueue(DeliveredCounter(CallbackSink(fail), stats=stats), stats=stats))
    for value in range(5):
        stats.take()
        queue.emit(make_violation(value=float(value)))
    assert queue.flush(LONGEST)
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

    queue = closing(DeliveryQueue(CallbackSink(sink), stats=DeliveryStats("s", complain)))
    queue.emit(make_violation())
    queue.emit(make_violation())
    assert queue.flush(LONGEST)
    assert len(heard) == 2


def test_the_sink_sees_the_context_variables_of_the_call(closing: Any) -> None:
    request = contextvars.ContextVar("request", default="none")
    heard: list[str] = []
    queue = closing(DeliveryQueue(CallbackSink(lambda _: heard.append(request.get()))))
    for name in ("a", "b"):
        contextvars.copy_context().run(_set_and_emit, request, name, queue)
    assert queue.flush(LONGEST)
    assert heard == ["a", "b"]


def _set_and_emit(variable: contextvars.ContextVar[str], text: str, queue: DeliveryQueue) -> None:
    variable.set(text)
    queue.emit(make_violation())


def test_a_coroutine_callback_runs_in_the_event_loop_of_the_call(closing: Any) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def page(_: Violation) -> None:
        loops.append(asyncio.get_running_loop())

    queue = closing(DeliveryQueue(CallbackSink(page)))

    async def application() -> bool:
        queue.emit(make_violation())
        await asyncio.to_thread(queue.flush, LONGEST)
        return loops == [asyncio.get_running_loop()]

    assert asyncio.run(application())


def test_what_waits_goes_in_batches_of_a_hundred_to_a_sink_that_takes_many(closing: Any) -> None:
    sink = Batches(batch_wait=3600.0)
    closing(sink.queue)
    sink.add(150)
    assert sink.queue.flush(LONGEST)
    assert sink.sizes == [100, 50]


def test_a_batch_is_delivered_when_it_is_full_and_the_rest_waits(closing: Any) -> None:
    sink = Batches(batch_size=3, batch_wait=3600.0)
    closing(sink.queue)
    sink.add(3)
    assert sink.has_arrived.wait(LONGEST)
    sink.add(2)
    threading.Event().wait(3 * POLL_SECONDS)
    assert sink.sizes == [3]
    assert sink.queue.waiting == 2
    sink.add(2)
    assert sink.queue.flush(LONGEST)
    assert sink.sizes == [3, 3, 1]


def test_a_batch_is_delivered_when_the_first_has_waited_long_enough(closing: Any) -> None:
    sink = Batches(batch_size=100, batch_wait=5.0)
    closing(sink.queue)
    sink.add(2)
    threading.Event().wait(3 * POLL_SECONDS)
    assert sink.sizes == []
    sink.seconds = 5.0
    assert sink.has_arrived.wait(LONGEST)
    assert sink.sizes == [2]


def test_a_batch_larger_than_the_queue_is_full_when_the_queue_is(closing: Any) -> None:
    sink = Batches(size=4, batch_size=100, batch_wait=3600.0)
    closing(sink.queue)
    sink.add(4)
    assert sink.has_arrived.wait(LONGEST)
    assert sink.sizes == [4]


def test_sinks_that_share_a_queue_keep_their_own_accounts(closing: Any) -> None:
    accounts = [DeliveryStats(name) for name in ("good", "bad")]
    heard: list[Violation] = []

    def fail(_: Violation) -> None:
        raise OSError

    shared = closing(DeliveryQueue(CallbackSink(print)))
    sinks = [
        DeliveryEntry(Queued(DeliveredCounter(CallbackSink(f), stats=a), shared, stats=a), stats=a)
        for f, a in zip((heard.append, fail), accounts, strict=True)
    ]
    for sink in sinks * 3:
        sink.emit(make_violation())
    assert all(sink.flush(LONGEST) for sink in sinks)
    good, bad = (stats.totals() for stats in accounts)
    assert (good.delivered, good.waiting) == (3, 0)
    assert (bad.dropped_by, bad.waiting) == ({"failed": 3}, 0)
