"""Count the concurrent calls of a budget."""

from __future__ import annotations

from collections import Counter


class InFlight:
    """Counts the calls that have started and not ended. Exact from any number of threads.

    Every step is one atomic list operation, so a lock is not needed.

    Attributes:
        running: One element for each call that runs now.
        levels: For each started call, the number of running calls then, itself included.
    """

    __slots__ = ("levels", "running")

    def __init__(self) -> None:
        self.running: list[None] = []
        self.levels: list[int] = []

    def enter(self) -> int:
        """Count a call that starts; return the number of running calls, itself included."""
        self.running.append(None)
        level = len(self.running)
        self.levels.append(level)
        return level

    def leave(self) -> None:
        """Count a call that ends, with any outcome."""
        # A slice, not `pop`: after a fork the list may be empty when a call of the parent ends.
        del self.running[-1:]

    def drain(self, *, now: bool = True) -> Counter[int]:
        """Return the number of calls per concurrency level since the last drain.

        Args:
            now: Add the current level once, while calls run that started earlier.
        """
        size = len(self.levels)
        seen = Counter(self.levels[:size])
        # Other threads only append, so the first `size` elements are the counted ones.
        del self.levels[:size]
        if now and self.running:
            seen[len(self.running)] += 1
        return seen

    def after_fork_in_child(self) -> None:
        """Drop the calls of threads that do not exist in the forked child."""
        self.running.clear()
        self.levels.clear()
