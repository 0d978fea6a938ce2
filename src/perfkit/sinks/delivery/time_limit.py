"""Wait for a sink only so long."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from perfkit import forks
from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Violation
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.delivery.checked_numbers import check_figures
from perfkit.sinks.delivery.layer import Layer, SinkOrCallable, forward
from perfkit.sinks.delivery.recursion import current_depth, thread_state


@define(eq=False)
class _Delivery:
    """One delivery in a thread of its own, in the context of whoever waits for it."""

    violations: Sequence[Violation]
    context: contextvars.Context = field(factory=contextvars.copy_context)
    depth: int = field(factory=current_depth)
    thread: threading.Thread = field(init=False)
    forks: int = 0
    is_given_up: bool = False
    error: BaseException | None = None


class TimeLimited(Layer):
    """Gives up on a delivery that takes too long.

    Python cannot stop a thread. So each delivery runs in a daemon thread of its own, one at a time,
    and one that takes too long is left to itself there: until it ends, others fail at once, and no
    more than this one thread hangs. It is lost, though it may arrive after all; what counts
    arrivals has to stand around this layer, not within.

    Args:
        inner: The sink that it wraps.
        seconds: How long to wait, also for the delivery of another thread before; above 0.
        **shared: See `Layer`.

    Raises:
        ConfigurationError: If the time is out of range.
    """

    def __init__(self, inner: SinkOrCallable, seconds: float, **shared: Any) -> None:
        check_figures(seconds={"seconds": seconds})
        if not seconds > 0:
            raise ConfigurationError(f"a time limit of {seconds:g} s; write one above zero")
        self._seconds = min(seconds, threading.TIMEOUT_MAX)
        super().__init__(inner, **shared)

    def after_fork_in_child(self) -> None:
        """Begin with nothing on its way."""
        self._lock = Lock()
        self._changed = threading.Condition(self._lock)
        self._running: _Delivery | None = None

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Hand violations on.

        Raises:
            DeliveryError: With reason ``"timeout"`` if it took too long, ``"busy"`` if an earlier
                delivery still does.
        """
        deadline = time.monotonic() + self._seconds
        delivery = _Delivery(violations)
        delivery.thread = threading.Thread(
            target=self._run,
            args=(delivery,),
            name=f"perfkit-{self.stats.sink}-limit",
            daemon=True,
        )
        if not self._start(delivery, deadline):
            forward(self.inner, violations)
            return
        if not self._has_ended(delivery, deadline):
            raise DeliveryError(f"it took more than {self._seconds:g} s", reason="timeout")
        delivery.thread.join()
        forks.thread_state.forks += delivery.forks
        if delivery.error is not None:
            raise delivery.error

    def _start(self, delivery: _Delivery, deadline: float) -> bool:
        """Start a delivery when the one before has ended; False if it has to do without a thread.

        Raises:
            DeliveryError: If the one before does not end, or there is no thread to be had.
        """
        with busy, self._lock:
            while (running := self._running) is not None:
                left = deadline - time.monotonic()
                is_within = running.thread is threading.current_thread()
                if running.is_given_up or is_within or left <= 0:
                    raise DeliveryError("an earlier delivery still hangs", reason="busy")
                self._changed.wait(left)
            try:
                delivery.thread.start()
            except RuntimeError as error:
                if threading.main_thread().is_alive():
                    raise DeliveryError(f"no time limit without a thread: {error}") from error
                return False  # at the exit of the process, where nobody waits for this one
            self._running = delivery
            return True

    def _has_ended(self, delivery: _Delivery, deadline: float) -> bool:
        """Wait for a delivery; if that takes too long, give it up."""
        with busy, self._lock:
            while self._running is delivery:
                left = deadline - time.monotonic()
                if left <= 0:
                    delivery.is_given_up = True
                    self._changed.notify_all()
                    return False
                self._changed.wait(left)
        return True

    def _run(self, delivery: _Delivery) -> None:
        """Deliver. Runs in the thread of the delivery."""
        thread_state.depth = delivery.depth
        try:
            delivery.context.run(forward, self.inner, delivery.violations)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            delivery.error = error
        delivery.forks = forks.thread_state.forks
        with busy, self._lock:
            self._running = None
            self._changed.notify_all()
