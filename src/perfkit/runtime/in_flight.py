"""How many calls of a budget run at once."""

from __future__ import annotations

from collections import Counter


class InFlight:
    """Counts the calls that have started and not ended. Exact from any number of threads.

    Needs no lock: every step is one operation on a list, which is safe from any thread.

    Attributes:
        running: One element for each call that runs now.
        levels: For each call that has started, how many ran then, itself among them.
    """

    __slots__ = ("levels", "running")

    def __init__(self) -> None:
        self.running: list[None] = []
        self.levels: list[int] = []

    def enter(self) -> int:
        """Count a call that starts; return how many there are with it."""
        self.running.append(None)
        level = len(self.running)
        self.levels.append(level)
        return level

    def leave(self) -> None:
        """Count a call that ends, however it does."""
        del self.running[-1:]

    def drain(self, *, now: bool = True) -> Counter[int]:
        """Return how often a call has found how many, itself among them, since the last time.

        Args:
            now: While calls run that started earlier, add their number at this moment, once.
        """
        size = len(self.levels)
        seen = Counter(self.levels[:size])
        del self.levels[:size]  # other threads only append, so these are the same ones
        if now and self.running:
            seen[len(self.running)] += 1
        return seen

    def after_fork_in_child(self) -> None:
        """After a fork, forget the calls of threads that the child does not have."""
        self.running.clear()
        self.levels.clear()
