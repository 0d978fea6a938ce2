"""Limit the overhead of perfkit: expensive measurements are skipped beyond `max_overhead`."""

from __future__ import annotations

from collections import deque
from typing import Final

from perfkit.model import Clock
from perfkit.reentrancy import Lock, busy

_WINDOW_NS: Final = 60 * 10**9
THROTTLED: Final = "left out: perfkit's own cost had reached max_overhead"


class OverheadLimit:
    """A token bucket of time for evidence and memory tracing. Safe from any thread.

    It fills by `max_overhead` of wall time, up to the allowance of one minute. Each call that was
    slowed down spends its whole duration, since its duration without probes is unknown. So the true
    overhead is below the recorded one.

    Args:
        max_overhead: Share of wall time, above 0; 1 or more means no limit.
        clock: The clock for the allowance.
    """

    def __init__(self, max_overhead: float, clock: Clock) -> None:
        self.max_overhead = max_overhead
        self._clock = clock
        self._lock = Lock()
        self._most_ns = self._allowance_ns = _WINDOW_NS * max_overhead
        self._filled_ns = self._began_ns = clock.monotonic_ns()
        self._spent: deque[tuple[int, int]] = deque()
        self._in_window_ns = 0

    def allows(self) -> bool:
        """Return whether there is allowance left for one more call."""
        if self.max_overhead >= 1:
            return True
        with busy, self._lock:
            self._fill(self._clock.monotonic_ns())
            return self._allowance_ns > 0

    def spend(self, nanoseconds: int) -> None:
        """Subtract the cost of a call or a job, in nanoseconds."""
        with busy, self._lock:
            now_ns = self._clock.monotonic_ns()
            self._fill(now_ns)
            self._allowance_ns -= nanoseconds
            last = self._spent[-1] if self._spent else None
            # One entry per second, so that frequent calls do not grow the deque without bound.
            if last is not None and now_ns - last[0] < _WINDOW_NS // 60:
                self._spent[-1] = (last[0], last[1] + nanoseconds)
            else:
                self._spent.append((now_ns, nanoseconds))
            self._in_window_ns += nanoseconds
            self._forget(now_ns)

    def overhead(self) -> float:
        """Return the share of wall time spent in the last minute, from 0."""
        with busy, self._lock:
            now_ns = self._clock.monotonic_ns()
            self._forget(now_ns)
            passed_ns = min(now_ns - self._began_ns, _WINDOW_NS)
            return self._in_window_ns / passed_ns if passed_ns > 0 else 0.0

    def after_fork_in_child(self) -> None:
        """After a fork, be free of a lock that another thread held."""
        self._lock = Lock()

    def _fill(self, now_ns: int) -> None:
        earned = (now_ns - self._filled_ns) * self.max_overhead
        self._allowance_ns = min(self._most_ns, self._allowance_ns + earned)
        self._filled_ns = now_ns

    def _forget(self, now_ns: int) -> None:
        while self._spent and self._spent[0][0] <= now_ns - _WINDOW_NS:
            self._in_window_ns -= self._spent.popleft()[1]
