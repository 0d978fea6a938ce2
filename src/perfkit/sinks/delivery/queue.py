"""Queue violations and deliver them in batches, in a thread of the sink's own."""

from __future__ import annotations

import contextvars
import itertools
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from attrs import define

from perfkit.errors import ConfigurationError
from perfkit.model import Sink, Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.arguments import check_figures
from perfkit.sinks.delivery.layer import (
    Layer,
    SinkOrCallable,
    buffers,
    flush_of,
    forward,
    layers_of,
    supports_batch,
    tick_of,
)
from perfkit.sinks.delivery.recursion import origin_loop, thread_state
from perfkit.sinks.delivery.shutdown import register_shutdown
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats

BATCH_SIZE: Final = 100
"""The largest number of violations that a sink with ``emit_many`` receives at once, by default."""

POLL_SECONDS: Final = 0.1
BUSY_SECONDS: Final = 5.0
IDLE_POLL_SECONDS: Final = 1.0
"""The time between two polls, until `BUSY_SECONDS` after the last violation and later."""

IDLE_SECONDS: Final = 30.0
"""The thread ends after so long without a violation, if no layer has anything due."""

_started: Final = itertools.count()
"""Counts the threads, to spread their polls."""


class _NotAwaited(threading.Event):
    """Replaces the event by which `threading.Thread.start` waits for the new thread."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - as the base class has it
        return True


@define(eq=False)
class QueueItem:
    """A queued violation, with the context of its call, its depth of recursion, and its sink."""

    violation: Violation
    context: contextvars.Context
    depth: int
    sink: Sink


class DeliveryQueue(Layer):
    """Queues violations, and delivers them in batches in a daemon thread that polls the queue.

    A violation beyond its size is counted as dropped. The thread starts with the first violation,
    polls every 0.1 s while there is traffic and every second after that, ends after 30 s without a
    violation, and calls `tick` of all layers around and within. No call wakes it: only `flush` and
    `close` do. A sink runs with the context variables of the measured call; a batch with those of
    its first violation. The exit of the process flushes the queue within a bounded time. The child
    of a fork begins with an empty queue: the parent delivers its own.

    Args:
        inner: The sink that it wraps.
        size: The largest number of queued violations, at least 1.
        when_full: ``"drop_oldest"`` makes room for a new violation, ``"drop_newest"`` drops it.
        batch_size: The largest number of violations that a sink with ``emit_many`` receives at
            once, at least 1.
        batch_wait: Seconds that the first violation of a batch waits for others, 0 for no wait. The
            poll adds up to 0.1 s.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If an argument is out of range.
    """

    is_queue = True

    def __init__(
        self,
        inner: SinkOrCallable,
        size: int = 1000,
        when_full: str = "drop_oldest",
        batch_size: int = BATCH_SIZE,
        batch_wait: float = 0.0,
        **shared: Any,
    ) -> None:
        check_figures(
            counts={"size": size, "batch_size": batch_size}, seconds={"batch_wait": batch_wait}
        )
        is_in_range = min(size, batch_size) >= 1 and batch_wait >= 0
        if not is_in_range or when_full not in {"drop_oldest", "drop_newest"}:
            raise ConfigurationError(
                f"a queue of {size} that does {when_full!r} when full, batches of {batch_size} "
                f"after {batch_wait:g} s; write a size and a batch_size of at least 1, a "
                "batch_wait of at least 0, and 'drop_oldest' or 'drop_newest'"
            )
        self._size = size
        self._drops_oldest = when_full == "drop_oldest"
        self._batch_size = min(batch_size, size)
        self._batch_wait = batch_wait
        self._outermost: Layer = self
        super().__init__(inner, **shared)
        self._inner_buffers = any(map(buffers, layers_of(self.inner)))

    def after_fork_in_child(self) -> None:
        """Begin with an empty queue and no thread."""
        self._lock = Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[QueueItem] = deque()
        self._in_flight = 0
        self._is_inner_dirty = False  # it buffers, and received something since its last flush
        self._batch_since: float | None = None
        self._flushes_requested = self._flushes_done = 0
        self._flush_until = 0.0
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def set_outer(self, outer: Layer) -> None:
        """Make the thread tick `outer` too, which ticks every layer between."""
        self._outermost = outer

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Queue violations. Never waits for the sink, and never raises."""
        self.queue(violations, self.inner)

    def queue(self, violations: Sequence[Violation], sink: Sink) -> None:
        """Queue violations for any sink, in one order with all others of this queue."""
        context = contextvars.copy_context()
        running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
        if running_loop is not None and (loop := running_loop()) is not None:
            context.run(origin_loop.set, loop)
        depth = max(1, thread_state.depth)
        # Without the lock, which the thread may hold when it loses the interpreter to others. It
        # sees this item before it ends, or the line after the loop sees that it has ended.
        for violation in violations:
            self._add(QueueItem(violation, context, depth, sink))
        if self._thread is None:
            try:
                register_shutdown(self)
                self._start()
            except BaseException as error:  # the queue accounts for the violation by now
                if is_signal_exception(error):
                    raise

    @property
    def waiting(self) -> int:
        """The number of violations that are queued or being delivered."""
        return len(self._queue) + self._in_flight

    def tick(self) -> float | None:
        """Tick the layers within, in the thread that delivers; do nothing in any other."""
        return tick_of(self.inner) if threading.current_thread() is self._thread else None

    def flush(self, seconds: float) -> bool:
        """Wait until all is delivered, for at most `seconds`; 0 requests it for the next poll."""
        deadline = time.monotonic() + seconds
        if threading.current_thread() is self._thread:
            return False  # a sink that waits for itself
        with busy, self._lock:
            if not self._is_pending():
                return True
            self._flushes_requested += 1
            request = self._flushes_requested
            self._flush_until = max(deadline, self._flush_until)
            self._start()
            if seconds > 0 and self._thread is not None:
                self._changed.notify_all()
                self._changed.wait_for(
                    lambda: (
                        not self.waiting
                        and (self._flushes_done >= request or not self._is_inner_dirty)
                    ),
                    max(0.0, deadline - time.monotonic()),
                )
            return not self._is_pending()

    def close(self, seconds: float) -> bool:
        """Flush, end the thread, and return whether nothing is queued; the rest stays queued."""
        is_empty = self.flush(seconds)
        with busy, self._lock:
            thread, self._is_stopping = self._thread, True
            self._changed.notify_all()
        if thread is not None and not self.waiting and thread is not threading.current_thread():
            with suppress(RuntimeError):  # the system has not started it yet
                thread.join(max(0.1, seconds))
        return is_empty

    def drop_pending(self) -> int:
        """Drop and count queued violations at shutdown; return the number dropped."""
        lost = 0
        with suppress(IndexError):
            while True:
                self._stats_of(self._queue.popleft()).drop("shutdown")
                lost += 1
        return lost + super().drop_pending()

    def _add(self, item: QueueItem) -> None:
        """Append to the queue and drop the excess. Called from several threads at once."""
        # `queued` comes first: no signal is handled between the two lines, so an interrupt is
        # counted either here or by the entry, never twice.
        thread_state.queued = item
        if len(self._queue) >= self._size and not self._drops_oldest:
            self._stats_of(item).drop("queue full")
            return
        self._queue.append(item)
        if len(self._queue) > self._size:
            with suppress(IndexError):  # other threads made room meanwhile
                self._stats_of(self._queue.popleft()).drop("queue full")

    def _stats_of(self, item: QueueItem) -> DeliveryStats:
        return item.sink.stats if isinstance(item.sink, Layer) else self.stats

    def _is_pending(self) -> bool:
        return bool(self._queue or self._in_flight or self._is_inner_dirty)

    def _start(self) -> None:
        """Start the thread if there is none. If the system refuses, the next violation retries."""
        with busy, self._lock:
            if self._thread is not None:
                return
            self._is_stopping = False
            name = f"perfkit-{self.stats.sink}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            # `Thread.start` returns when the new thread has run: with the 22 sinks of the benchmark
            # a call would wait for 22 switches, of up to 5 ms on a busy machine.
            thread._started = _NotAwaited()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
            with suppress(RuntimeError):
                thread.start()
                self._thread = thread

    def _work(self) -> None:
        """Poll the queue until the thread is idle or closed."""
        own = threading.current_thread()
        active_at = tick_at = time.monotonic()
        wait: float | None = None
        # A call starts the threads of all its sinks at once. Their polls are spread, or they would
        # compete for the interpreter with each other, and with the application, ten times a second.
        pause = next(_started) * 0.618 % 1 * POLL_SECONDS
        try:
            while self._wait_for_poll(own, pause):
                request = self._flushes_requested
                is_flush = request > self._flushes_done
                if self._deliver_due(everything=is_flush or self._is_stopping):
                    active_at = tick_at = time.monotonic()
                if time.monotonic() >= tick_at:
                    wait = self._tick_all()
                    # A layer may have a fake clock, so its wait is an upper bound at best.
                    due = IDLE_POLL_SECONDS if wait is None else max(wait, 0.02)
                    tick_at = time.monotonic() + min(due, IDLE_POLL_SECONDS)
                if is_flush:
                    self._flush_inner(request)
                idle = time.monotonic() - active_at
                is_idle = wait is None and idle >= IDLE_SECONDS
                if (is_idle or self._is_stopping) and self._end(own):
                    return
                poll = POLL_SECONDS if idle < BUSY_SECONDS else IDLE_POLL_SECONDS
                pause = min(max(0.0, tick_at - time.monotonic()), poll)
        finally:
            with busy, self._lock:
                if self._thread is own:
                    self._thread = None

    def _wait_for_poll(self, own: threading.Thread, seconds: float) -> bool:
        """Sleep until the next poll, a flush or a close; return whether the thread is to go on."""
        with busy, self._lock:
            if self._flushes_requested == self._flushes_done and not self._is_stopping:
                self._changed.wait(seconds)
            # If a sink has forked, this also runs in the child, whose queue has no thread. It ends
            # there, and the child with it, instead of delivering anything a second time.
            return self._thread is own

    def _end(self, own: threading.Thread) -> bool:
        """Retire the thread, unless a violation was queued in the meantime; return whether so."""
        with busy, self._lock:
            self._thread = None
            # A call that appended before this line has seen a thread and started none.
            if self._queue or self._flushes_requested > self._flushes_done:
                self._thread = own
            return self._thread is None

    def _deliver_due(self, *, everything: bool) -> bool:
        """Deliver the batches that are due; return whether there were any."""
        due = left = self._due(everything=everything)
        while left > 0 and (items := self._take(min(left, self._batch_size))):
            left -= len(items)
            self._deliver(items)
            time.sleep(0)  # yields the interpreter to a thread that waits for it
        return due > 0

    def _due(self, *, everything: bool) -> int:
        """Return the number of queued violations to deliver now."""
        count, since, now = len(self._queue), self._batch_since, self.now()
        is_over = everything or (since is not None and now - since >= self._batch_wait)
        rest = 0 if is_over or not self._batch_wait else count % self._batch_size
        if not rest:
            self._batch_since = None
        elif since is None or rest < count:
            self._batch_since = now
        return count - rest

    def _take(self, most: int) -> Sequence[QueueItem]:
        """Remove a batch for one sink from the queue, which arrives as a whole or not at all."""
        items: list[QueueItem] = []
        with busy, self._lock:
            with suppress(IndexError):  # calls remove items too, to make room
                items.append(self._queue.popleft())
                if supports_batch(items[0].sink):
                    while len(items) < most and self._queue[0].sink is items[0].sink:
                        items.append(self._queue.popleft())
            self._in_flight = len(items)
        return items

    def _deliver(self, items: Sequence[QueueItem]) -> None:
        first = items[0]
        thread_state.depth = first.depth
        try:
            first.context.run(forward, first.sink, [each.violation for each in items])
        except BaseException as error:  # noqa: BLE001 - also SystemExit must not end the thread
            with suppress(Exception):  # nor must a listener that raises
                self._stats_of(first).fail(error, len(items))
        finally:
            thread_state.depth = 0
        with busy, self._lock:
            self._in_flight = 0
            self._is_inner_dirty = self._inner_buffers
            self._changed.notify_all()

    def _flush_inner(self, request: int) -> None:
        """Flush the layers and the sink within; `request` and all before it are done then."""
        is_flushed = False
        with self._reporting():
            is_flushed = flush_of(self.inner, max(0.0, self._flush_until - time.monotonic()))
        with busy, self._lock:
            self._flushes_done = request
            self._is_inner_dirty = self._is_inner_dirty and not is_flushed
            self._changed.notify_all()

    def _tick_all(self) -> float | None:
        with self._reporting():
            return tick_of(self._outermost)
        return IDLE_POLL_SECONDS

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Report an error of the block, which is a sink's and must not end the thread."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - a sink may raise anything
            with suppress(Exception):  # a listener too
                self.stats.report(error)


class Queued(Layer):
    """Delivers violations through a `DeliveryQueue` that several sinks share.

    Args:
        inner: The sink that it wraps.
        shared_queue: The queue.
        **shared: See `Layer`.
    """

    is_queue = True

    def __init__(self, inner: Sink, shared_queue: DeliveryQueue, **shared: Any) -> None:
        self._shared_queue = shared_queue
        super().__init__(inner, **shared)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Queue violations. Never waits for the sink, and never raises."""
        self._shared_queue.queue(violations, self.inner)

    def flush(self, seconds: float) -> bool:
        """Wait until the shared queue is delivered, for at most `seconds`."""
        return self._shared_queue.flush(seconds) and super().flush(seconds)
