"""Deliver in a thread of its own, so that nobody waits for a sink."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from perfkit import forks
from perfkit.errors import ConfigurationError
from perfkit.model import Sink, Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import (
    Layer,
    SinkOrCallable,
    buffers,
    flush_of,
    forward,
    layers_of,
    sooner,
    supports_batch,
    tick_of,
)
from perfkit.sinks.delivery.queue_item import QueueItem, context_of_call
from perfkit.sinks.delivery.recursion import current_depth, thread_state
from perfkit.sinks.delivery.shutdown import flush_at_exit, is_ending
from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.delivery.stats import DeliveryStats
from perfkit.sinks.delivery.waking import IDLE_SECONDS, join, start_soon, waker

MOST_AT_ONCE: Final = 100
"""Violations that a sink which takes many is given together, of those that wait anyway."""

FORK_SECONDS: Final = 1.0
"""From a delivery in which the sink forked to the next. A fork slows down every thread of the
process for milliseconds, whoever does it: until each has its own copy of the memory it works on."""

WHEN_FULL: Final = ("drop_oldest", "drop_newest")


class Background(Layer):
    """Queues violations, and hands them on in a daemon thread.

    The queue is bounded; what finds no room, or loses it, is counted as dropped. The thread starts
    with the first violation, sees the context variables of the measured call, ends when nothing has
    come for a while, and calls `tick` of all layers around and within. A sink that fails is counted
    and reported, and one that forks is given something once a second. At the exit of the process
    what waits is delivered within a bounded time. The child of a fork begins with an empty queue:
    what waits is the parent's.

    Args:
        inner: The sink that it wraps.
        size: How many may wait, at least 1.
        when_full: ``"drop_oldest"`` makes room for what is new, ``"drop_newest"`` turns it away.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If an argument is out of range.
    """

    is_queue = True

    def __init__(
        self, inner: SinkOrCallable, size: int = 1000, when_full: str = "drop_oldest", **shared: Any
    ) -> None:
        check_figures(counts={"size": size})
        if size < 1 or when_full not in WHEN_FULL:
            raise ConfigurationError(
                f"a queue of {size} that does {when_full!r} when full; write a size of at least 1, "
                f"and {' or '.join(map(repr, WHEN_FULL))}"
            )
        self._size = size
        self._drops_oldest = when_full == "drop_oldest"
        self._outermost: Layer = self
        super().__init__(inner, **shared)
        self._keeps_something = any(map(buffers, layers_of(self.inner)))

    def after_fork_in_child(self) -> None:
        """Begin with an empty queue and no thread."""
        self._lock = Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[QueueItem] = deque()
        self._in_hand = 0
        self._is_touched = False  # whether what is within was given something since it was flushed
        self._flush_until: float | None = None
        self._flushes = 0
        self._is_flushing = False
        self._is_stopping = False
        self._is_awake = False  # whether the thread works, or will without being told again
        self._thread: threading.Thread | None = None
        self._forks = 0  # how often the thread had forked when that was last looked at

    def set_outer(self, outer: Layer) -> None:
        """Let the thread tick `outer` too, which ticks all that is between."""
        self._outermost = outer

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Queue violations. Never waits for the sink, and never raises."""
        self.queue(violations, self.inner)

    def queue(self, violations: Sequence[Violation], sink: Sink) -> None:
        """Do the same for any sink, in the order of all that waits here."""
        context = context_of_call()
        depth = max(1, current_depth())
        # Without the lock: the thread may hold it, and lose the interpreter meanwhile. What is
        # appended here is seen by the thread, or this sees that it sleeps.
        for violation in violations:
            self._add(QueueItem(violation, context, depth, sink))
        if not self._is_awake:
            try:
                flush_at_exit(self)
                self._wake_soon()
            except BaseException as error:  # the violation is the thread's to account for by now
                if is_signal_exception(error):
                    raise

    def _wake_soon(self) -> None:
        if self._is_awake:
            return
        self._is_awake = True
        if self._thread is None:
            self.wake()
        else:
            waker.leave_note(self)

    def wake(self) -> None:
        """Let the thread work, and start it if there is none; if there still is work for it."""
        with busy, self._lock:
            if not self._has_work():
                self._is_awake = False
                if not self._has_work():  # else it has come in between, and nobody was told
                    return
                self._is_awake = True
            self._start()
            self._changed.notify_all()
            if self._thread is None:
                self._is_awake = False

    def _has_work(self) -> bool:
        return bool(self._queue) or self._flush_until is not None

    def tick(self) -> float | None:
        """Let what is within do what is due, in the thread that delivers; elsewhere do nothing."""
        return tick_of(self.inner) if threading.current_thread() is self._thread else None

    @property
    def waiting(self) -> int:
        """How many violations wait, or are being handed on."""
        return len(self._queue) + self._in_hand

    def flush(self, seconds: float) -> bool:
        """Wait until all has been handed on, for at most so long; never raises.

        With no time to wait, it leaves a note to do so: who asks often is not to wake every thread.
        """
        deadline = time.monotonic() + seconds
        if threading.current_thread() is self._thread:
            return False  # a sink that waits for itself
        with busy, self._lock:
            if not self._is_pending():
                return True
            self._flush_until = max(deadline, self._flush_until or 0.0)
            if seconds <= 0:
                self._wake_soon()
                return False
            self._start()
            if self._thread is not None:
                self._changed.notify_all()
                self._wait_until_flushed(deadline)
            return not self._is_pending()

    def _wait_until_flushed(self, deadline: float) -> None:
        own = self._flushes + 1 + self._is_flushing  # one that is under way began without ours

        def is_over() -> bool:
            is_tried = self._flushes >= own and not self._queue and not self._in_hand
            return is_tried or not self._is_pending()

        self._changed.wait_for(is_over, max(0.0, deadline - time.monotonic()))

    def _is_pending(self) -> bool:
        return bool(self._queue or self._in_hand or self._is_touched)

    def close(self, seconds: float) -> bool:
        """Flush, and let the thread end; the next violation starts another.

        Returns:
            Whether nothing waits now. What does stays in the queue.
        """
        is_empty = self.flush(seconds)
        with busy, self._lock:
            thread, self._is_stopping = self._thread, True
            self._changed.notify_all()
        if thread is not None and not self.waiting:  # it ends, though its sink may fail to flush
            join(thread, max(0.1, seconds))
        return is_empty

    @property
    def name(self) -> str:
        """What the sink is called in its account."""
        return self.stats.sink

    def drop_pending(self) -> int:
        """Drop what waits, as the process ends; return how much that was."""
        lost = 0
        with suppress(IndexError):
            while True:
                self._account_of(self._queue.popleft()).drop("shutdown")
                lost += 1
        return lost + super().drop_pending()

    def _add(self, item: QueueItem) -> None:
        """Append to the queue; what is beyond its size is lost. From several threads at once."""
        if len(self._queue) >= self._size and not self._drops_oldest:
            thread_state.queued = item
            self._account_of(item).drop("queue full")
            return
        thread_state.queued = item  # no signal is handled between this and the next
        self._queue.append(item)
        if len(self._queue) > self._size:
            with suppress(IndexError):  # others have made room meanwhile
                self._account_of(self._queue.popleft()).drop("queue full")

    def _account_of(self, item: QueueItem) -> DeliveryStats:
        return item.sink.stats if isinstance(item.sink, Layer) else self.stats

    def _start(self) -> None:
        """Let there be a thread. Where none can be had now, the next violation tries again."""
        self._is_stopping = False
        if self._thread is not None:
            return
        self._thread = start_soon(self._work, f"perfkit-{self.stats.sink}")

    # -- in the thread

    def _work(self) -> None:
        self._forks = forks.thread_state.forks
        try:
            while (items := self._next()) is not None:
                self._hand(items)
                self._settle()
                time.sleep(0)  # let a thread have the interpreter that waits for it
        finally:
            with busy, self._lock:
                if self._thread is threading.current_thread():  # it ends, as it never should
                    self._thread, self._is_awake = None, False

    def _pause_after_fork(self) -> None:
        """Leave what waits alone for a while if the sink has forked since this was last asked.

        Not when the process ends, and not when the thread is to end and nothing waits.
        """
        if forks.thread_state.forks == self._forks:
            return
        self._forks = forks.thread_state.forks
        with busy, self._lock:
            self._changed.wait_for(
                lambda: is_ending() or (self._is_stopping and not self._queue), FORK_SECONDS
            )

    def _next(self) -> Sequence[QueueItem] | None:
        """Wait for violations, ticking meanwhile; None if the thread is to end."""
        idle_since = time.monotonic()
        while True:
            wait = self._tick()
            self._pause_after_fork()
            with busy, self._lock:
                if items := self._take():
                    return items
                is_to_flush = self._flush_until is not None
                left = idle_since + IDLE_SECONDS - time.monotonic()
                if not is_to_flush and (self._is_stopping or (wait is None and left <= 0)):
                    self._is_awake = False
                    if self._queue:
                        self._is_awake = True
                        continue
                    self._thread = None
                    return None
                if not is_to_flush:
                    self._is_awake = False
                    if self._queue:
                        self._is_awake = True
                        continue
                    # A clock of its own that layers may have says nothing of how long to wait.
                    most = min(max(left, 0.1), 1.0)
                    self._changed.wait(sooner(_at_least_a_little(wait), most))
                    self._is_awake = True
            if is_to_flush:
                self._flush_inner()

    def _flush_inner(self) -> None:
        """Let what is within bring away what it keeps."""
        with busy, self._lock:
            until, self._flush_until = self._flush_until or time.monotonic(), None
            self._is_flushing = True
        is_done = False
        try:
            is_done = flush_of(self.inner, max(0.0, until - time.monotonic()))
        except BaseException as error:  # noqa: BLE001 - a sink may raise anything
            self._report(error)
        with busy, self._lock:
            self._is_flushing = False
            self._flushes += 1
            if is_done:
                self._is_touched = bool(self._queue)
            self._changed.notify_all()

    def _tick(self) -> float | None:
        try:
            return tick_of(self._outermost)
        except BaseException as error:  # noqa: BLE001 - a sink may raise anything
            self._report(error)
            return 1.0

    def _take(self) -> Sequence[QueueItem]:
        """Take what is to be handed on at once, so that it arrives whole or not at all.

        Calls may take from the queue too, to make room; so each look at it may find it empty.
        """
        items: list[QueueItem] = []
        with suppress(IndexError):
            items.append(self._queue.popleft())
            if supports_batch(items[0].sink):
                while len(items) < MOST_AT_ONCE and self._queue[0].sink is items[0].sink:
                    items.append(self._queue.popleft())
        self._in_hand = len(items)
        return items

    def _hand(self, items: Sequence[QueueItem]) -> None:
        item = items[0]
        thread_state.depth = item.depth
        try:
            item.context.run(forward, item.sink, [each.violation for each in items])
        except BaseException as error:  # noqa: BLE001 - also SystemExit must not end the thread
            self._fail(self._account_of(item), error, len(items))
        finally:
            thread_state.depth = 0

    def _settle(self) -> None:
        with busy, self._lock:
            self._in_hand = 0
            self._is_touched = self._keeps_something
            self._changed.notify_all()

    def _fail(self, stats: DeliveryStats, error: BaseException, count: int) -> None:
        with suppress(Exception):  # whoever listens must not end the thread
            stats.fail(error, count)

    def _report(self, error: BaseException) -> None:
        with suppress(Exception):  # likewise
            self.stats.report(error)


class Queued(Layer):
    """Hands violations on in the thread of a `Background` that several sinks share.

    Args:
        inner: The sink that it wraps.
        background: Whose queue and thread it uses.
        **shared: See `Layer`.
    """

    is_queue = True

    def __init__(self, inner: Sink, background: Background, **shared: Any) -> None:
        self._background = background
        super().__init__(inner, **shared)

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Queue violations. Never waits for the sink, and never raises."""
        self._background.queue(violations, self.inner)

    def flush(self, seconds: float) -> bool:
        """Wait until all that waits in the queue has been handed on, for at most so long."""
        return self._background.flush(seconds) and super().flush(seconds)


def _at_least_a_little(wait: float | None) -> float | None:
    return None if wait is None else max(wait, 0.02)
