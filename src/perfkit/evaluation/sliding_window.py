"""A window that slides over time by dropping sub-windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

SUB_WINDOWS: Final = 60
"""Number of sub-windows. The window covers from 59/60 of its length to its full length."""

PartT = TypeVar("PartT")


class SlidingWindow(Generic[PartT]):
    """The sub-windows of one sliding window. Not safe from several threads.

    A sub-window is made when a sample is added to it, and dropped as a whole when its start is one
    window ago. Advancing costs a step for each sub-window that is dropped, at most 60.

    Args:
        seconds: Length, above 0.
        began_ns: Start of the first sub-window, in monotonic nanoseconds.
        make: Returns an empty sub-window.
        drop: Is called with each sub-window that is dropped.
    """

    def __init__(
        self,
        seconds: float,
        began_ns: int,
        make: Callable[[], PartT],
        drop: Callable[[PartT], None],
    ) -> None:
        self._began_ns = began_ns
        self._length_ns = max(round(seconds * 1e9), 1)
        self._make = make
        self._drop = drop
        self._latest = 0
        self._parts: list[PartT | None] = [None] * SUB_WINDOWS

    @property
    def has_filled(self) -> bool:
        """Whether a whole window has passed since it began."""
        return self._latest >= SUB_WINDOWS

    def current(self, now_ns: int) -> PartT:
        """Advance to `now_ns` and return its sub-window."""
        self.advance(now_ns)
        place = self._latest % SUB_WINDOWS
        part = self._parts[place]
        if part is None:
            part = self._parts[place] = self._make()
        return part

    def advance(self, now_ns: int) -> None:
        """Drop the sub-windows that have left the window at `now_ns`; ignore an earlier time."""
        # In integers: a float loses nanoseconds above 2**53, after 104 days of uptime.
        reached = (now_ns - self._began_ns) * SUB_WINDOWS // self._length_ns
        if reached <= self._latest:
            return
        # After a long pause every sub-window is dropped once, however long it was.
        last = min(reached, self._latest + SUB_WINDOWS)
        for number in range(self._latest + 1, last + 1):
            place = number % SUB_WINDOWS
            part = self._parts[place]
            if part is not None:
                self._drop(part)
                self._parts[place] = None
        self._latest = reached

    def __iter__(self) -> Iterator[PartT]:
        """Yield the sub-windows with samples, the latest first."""
        for number in range(self._latest, self._latest - SUB_WINDOWS, -1):
            part = self._parts[number % SUB_WINDOWS]
            if part is not None:
                yield part
