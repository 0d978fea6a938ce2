"""What really happened: every call that ended, counted by who made it."""

from __future__ import annotations

import threading
import traceback
from collections import Counter

from perfkit import BudgetExceeded, Outcome


class Failure(Exception):  # noqa: N818 - named as what it stands for
    """An ordinary failure of the load."""


class Hangup(BaseException):
    """What is no `Exception`, and so counts as a cancellation."""


class Book:
    """Counts calls by budget and outcome, and tries. Safe from any thread."""

    def __init__(self) -> None:
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Count from nothing: at first, and in a forked child, whose lock may be held for good."""
        self._lock = threading.Lock()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.tries: Counter[str] = Counter()
        self.heard: Counter[str] = Counter()
        self.heard_later: Counter[str] = Counter()
        self.surprises: list[str] = []

    def count(self, name: str, outcome: Outcome) -> None:
        """Count one call that has ended."""
        with self._lock:
            self.calls[name, str(outcome)] += 1

    def count_end(self, name: str, error: BaseException | None) -> None:
        """Count one call that has ended with `error`."""
        self.count(name, _outcome_of(error))

    def try_once(self, *, hits: bool) -> None:
        """Count one try of ``hits``."""
        with self._lock:
            self.tries["hit" if hits else "miss"] += 1

    def hear(self, name: str, *, is_late: bool = False) -> None:
        """Count one violation of a call that was delivered, through a queue if it is late."""
        with self._lock:
            (self.heard_later if is_late else self.heard)[name] += 1

    def note_surprise(self) -> None:
        """Keep the exception now handled, which nobody has asked for."""
        self.surprises.append(traceback.format_exc())

    def of(self, name: str, outcome: str | None = None) -> int:
        """Return how many calls of a budget have ended, in all or in one way."""
        return sum(
            count
            for (known, ended), count in self.calls.items()
            if known == name and outcome in {None, ended}
        )


def _outcome_of(error: BaseException | None) -> Outcome:
    """Return what a call ended with; what a budget raises is none of the call's own."""
    if error is None or isinstance(error, (BudgetExceeded, GeneratorExit)):
        return Outcome.OK
    return Outcome.ERROR if isinstance(error, Exception) else Outcome.CANCELLED
