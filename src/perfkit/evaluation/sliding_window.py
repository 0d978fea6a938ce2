"""A window that slides over time by dropping sub-windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

SUB_WINDOWS: Final = 60
"""How many sub-windows a window has. It covers between 59/60 of its length and all of it."""

PartT = TypeVar("PartT")


class SlidingWindow(Generic[PartT]):
    """The sub-windows of one sliding window. Not safe from several threads.

    A sub-window begins when something is put into it and leaves as a whole when its start is one
    window ago. Moving on costs as much as there are sub-windows that leave, 60 at the most.

    Args:
        window: Length in seconds, above 0.
        began_ns: Where its first sub-window starts, in monotonic nanoseconds.
        make: Makes an empty sub-window.
        leave: Is given each sub-window that leaves.
    """

    def __init__(
        self,
        window: float,
        began_ns: int,
        make: Callable[[], PartT],
        leave: Callable[[PartT], None],
    ) -> None:
        self._began_ns = began_ns
        self._length_ns = max(round(window * 1e9), 1)
        self._make = make
        self._leave = leave
        self._latest = 0
        self._parts: list[PartT | None] = [None] * SUB_WINDOWS

    @property
    def has_filled(self) -> bool:
        """Whether a whole window has passed since it began."""
        return self._latest >= SUB_WINDOWS

    def current(self, now_ns: int) -> PartT:
        """Move on to `now_ns` and return its sub-window."""
        self.move_on(now_ns)
        place = self._latest % SUB_WINDOWS
        part = self._parts[place]
        if part is None:
            part = self._parts[place] = self._make()
        return part

    def move_on(self, now_ns: int) -> None:
        """Let go of the sub-windows that are over at `now_ns`; an earlier time changes nothing."""
        reached = (now_ns - self._began_ns) * SUB_WINDOWS // self._length_ns
        if reached <= self._latest:
            return
        last = min(reached, self._latest + SUB_WINDOWS)
        for number in range(self._latest + 1, last + 1):
            place = number % SUB_WINDOWS
            part = self._parts[place]
            if part is not None:
                self._leave(part)
                self._parts[place] = None
        self._latest = reached

    def __iter__(self) -> Iterator[PartT]:
        """Yield the sub-windows that have begun, the latest first."""
        for number in range(self._latest, self._latest - SUB_WINDOWS, -1):
            part = self._parts[number % SUB_WINDOWS]
            if part is not None:
                yield part
