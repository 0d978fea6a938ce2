"""One end for all the waits of a task."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """Tells how much time is left of a task that takes several waits.

    Args:
        seconds: How long the task may take from now on.
        now: Tells seconds from an arbitrary start.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._end = now() + seconds

    def remaining(self) -> float:
        """Return how many seconds are left, above 0.

        Raises:
            TimeoutError: If none are.
        """
        left = self._end - self._now()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left
