"""Send several violations at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from perfkit.errors import ConfigurationError
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import Layer, SinkOrCallable, parts_of, sooner, tick_of
from perfkit.sinks.delivery.partial_failures import PartialFailures, count, partial_failures_of


class Batched(Layer):
    """Collects violations and hands them on together: when there are enough, or after a while.

    `tick` has to be called now and then; `Background` does. What fails is counted and reported
    here, because those who gave it are gone.

    Args:
        inner: The sink that it wraps, or any callable of one violation. It should take many at
            once, else it gets them one by one.
        size: How many make a batch, at least 1.
        wait: Seconds that the first one waits for others at the most, above 0.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If a figure is no number or out of range, or `inner` is no sink.
    """

    def __init__(
        self, inner: SinkOrCallable, size: int = 50, wait: float = 5.0, **shared: Any
    ) -> None:
        check_figures(counts={"size": size}, seconds={"wait": wait})
        if size < 1 or not wait > 0:
            raise ConfigurationError(
                f"batches of {size} after {wait:g} s; write a size of at least 1 and a time above "
                "zero"
            )
        self._size = size
        self._wait = wait
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Begin with an empty batch."""
        self._lock = Lock()
        self._changed = threading.Condition(self._lock)
        self._batch: list[Violation] = []
        self._begun_at = 0.0
        self._senders: list[int] = []  # the threads that are handing a batch on

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Add violations to the batch; hand it on if it is full."""
        with busy, self._lock:
            if not self._batch:
                self._begun_at = self.now()
            self._batch.extend(violations)
            batch = self._take() if len(self._batch) >= self._size else []
        self._send(batch, of_caller=len(violations))

    def tick(self) -> float | None:
        """Hand on a batch that has waited long enough."""
        with busy, self._lock:
            wait = self._begun_at + self._wait - self.now() if self._batch else None
            batch = self._take() if wait is not None and wait <= 0 else []
        self._send(batch)
        return sooner(None if batch else wait, tick_of(self.inner))

    def flush(self, seconds: float) -> bool:
        """Wait for what other threads are handing on, then hand on the rest.

        Only the waiting is bounded: the rest takes as long as the sink does.

        Returns:
            Whether nothing waits now.
        """
        deadline = time.monotonic() + seconds
        with busy, self._lock:
            while self._senders:
                left = deadline - time.monotonic()
                if left <= 0 or threading.get_ident() in self._senders:
                    return False
                self._changed.wait(left)
            batch = self._take()
        self._send(batch)
        return super().flush(max(0.0, deadline - time.monotonic()))

    def drop_pending(self) -> int:
        """Drop and count what waits here and within; return how much."""
        with busy, self._lock:
            lost, self._batch = self._batch, []
        if lost:
            self.stats.drop("shutdown", len(lost))
        return len(lost) + super().drop_pending()

    def _take(self) -> list[Violation]:
        """Take what there is, to send it right after. Called under the lock."""
        batch, self._batch = self._batch, []
        if batch:
            self._senders.append(threading.get_ident())
        return batch

    def _send(self, batch: Sequence[Violation], of_caller: int = 0) -> None:
        """Hand a batch on, in parts that are not too large.

        Args:
            batch: What `_take` returned.
            of_caller: How many of them the caller counts as lost if this raises.
        """
        partial_failures: PartialFailures = []
        left = len(batch)
        try:
            for part in self._parts_of(batch):
                partial_failures += partial_failures_of(self.inner, part)
                left -= len(part)
        except BaseException:  # an interrupt: all else has become a loss
            self.stats.drop("interrupted", max(0, left - of_caller))
            raise
        finally:
            self._note_sent(batch)
            count(partial_failures, self.stats)

    def _parts_of(self, batch: Sequence[Violation]) -> Iterator[Sequence[Violation]]:
        for begin in range(0, len(batch), self._size):
            yield from parts_of(batch[begin : begin + self._size], self.inner)

    def _note_sent(self, batch: Sequence[Violation]) -> None:
        with busy, self._lock:
            if batch and self._senders:  # there are none in the child, if the sink has forked
                self._senders.remove(threading.get_ident())
            self._changed.notify_all()
