"""Several flushes at once: each of them brings away what was there when it began."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from perfkit import Violation
from perfkit.sinks import CallbackSink, DeliveryQueue
from perfkit.sinks.delivery.layer import Layer
from tests.faults.sinks import LONGEST
from tests.sinks.violations import make_violation


class Collecting(Layer):
    """Keeps all it is given until it is flushed, which the first time waits for a gate."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.kept: list[Violation] = []
        self.is_flushing, self.gate = threading.Event(), threading.Event()
        self.has_taken = threading.Event()

    def emit_many(self, violations: Sequence[Violation]) -> None:
        self.kept += violations
        self.has_taken.set()

    def flush(self, seconds: float) -> bool:
        kept, self.kept = self.kept, []
        self.is_flushing.set()
        assert self.gate.wait(LONGEST)
        super().emit_many(kept)
        return not self.kept


def test_a_flush_does_not_take_an_earlier_one_for_its_own() -> None:
    heard: list[Violation] = []
    collecting = Collecting(CallbackSink(heard.append))
    queue = DeliveryQueue(collecting)
    queue.emit(make_violation())
    first = threading.Thread(target=queue.flush, args=(LONGEST,))
    first.start()
    assert collecting.is_flushing.wait(LONGEST)
    queue.emit(make_violation())
    answers: list[bool] = []
    second = threading.Thread(target=lambda: answers.append(queue.flush(LONGEST)))
    second.start()
    while queue._flushes_requested < 2:
        assert not answers
    collecting.gate.set()
    second.join(LONGEST)
    first.join(LONGEST)
    assert answers == [True]
    assert len(heard) == 2
    assert queue.close(LONGEST)
