"""One background thread for all periodic tasks.

It starts with the first task and ends with the last. Import does not start it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from attrs import define, field

from perfkit.forks import register_after_fork
from perfkit.reentrancy import Lock
from perfkit.runtime import internal_errors

_LONGEST_JOIN_SECONDS: Final = 1.0


@define(eq=False)
class PeriodicTask:
    """A function to run every `seconds`; an exception is an internal error of `name`."""

    name: str
    seconds: float
    run: Callable[[], object]
    due: float = field(default=0.0)


class Scheduler:
    """Runs tasks one after another in one daemon thread. Safe from any thread and across forks."""

    def __init__(self) -> None:
        self._make_lock()
        self._jobs: list[PeriodicTask] = []
        self._thread: threading.Thread | None = None
        register_after_fork(self)

    def _make_lock(self) -> None:
        self._lock = Lock()  # taken directly: a handler that raises would leave a condition locked
        self._changed = threading.Condition(self._lock)

    def every(self, seconds: float, run: Callable[[], object], name: str) -> PeriodicTask:
        """Run a task every `seconds`, first after `seconds`; return it."""
        job = PeriodicTask(name, seconds, run, time.monotonic() + seconds)
        with self._lock:
            self._jobs.append(job)
            self._start()
            self._changed.notify()
        return job

    def speed_up(self, job: PeriodicTask, seconds: float) -> None:
        """Run `job` more often from now on."""
        with self._lock:
            job.seconds = seconds
            job.due = min(job.due, time.monotonic() + seconds)
            self._changed.notify()

    def cancel(self, job: PeriodicTask) -> None:
        """Run `job` no more. Waits a moment for the thread to end, if that was the last job."""
        with self._lock:
            if job in self._jobs:
                self._jobs.remove(job)
            thread = None if self._jobs else self._thread
            self._changed.notify()
        # A task may cancel itself: the thread cannot join itself.
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LONGEST_JOIN_SECONDS)

    def _start(self) -> None:
        if self._jobs and self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="perfkit-ticker", daemon=True)
            self._thread.start()

    def _loop(self) -> None:
        while (job := self._next()) is not None:
            internal_errors.suppress(job.name, job.run)

    def _next(self) -> PeriodicTask | None:
        """Wait until a job is due and return it; None if the thread is to end."""
        with self._lock:
            while self._jobs and self._thread is threading.current_thread():
                job = min(self._jobs, key=lambda each: each.due)
                now = time.monotonic()
                if job.due <= now:
                    job.due = now + job.seconds
                    return job
                self._changed.wait(job.due - now)
            if self._thread is threading.current_thread():
                self._thread = None
            return None

    def after_fork_in_child(self) -> None:
        """After a fork, go on in the child, which has no thread but its own."""
        self._make_lock()
        self._thread = None
        self._start()


scheduler: Final = Scheduler()
"""The scheduler of the process."""
