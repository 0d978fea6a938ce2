"""Every tally of the process, for the metric exporters that read them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from perfkit.evaluation import Tally
from perfkit.evaluation.tally import Account
from perfkit.locks import at_work
from perfkit.model import Budget, Limit
from perfkit.otel import attributes as names

MOST_BUDGETS: Final = 2000
"""How many names get points of their own; OpenTelemetry's usual limit of one metric."""

_Key = tuple[str, str, tuple[Limit, ...], tuple[float, ...], object]


class Ledger:
    """Keeps one tally for each budget, and lets readers read them all. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tallies: dict[_Key, Tally] = {}
        self._attributes: dict[_Key, Mapping[str, str | bool]] = {}
        self._readers: list[object] = []
        self._survives_fork = False

    def tally_of(self, budget: Budget, bounds: Sequence[float], owner: object = None) -> Tally:
        """Return the tally of `budget`; two budgets that differ in nothing here share one.

        Past `MOST_BUDGETS` names the rest share the attributes that OpenTelemetry has for an
        overflow, so that a name made from a user's data cannot fill the memory.
        """
        key = (budget.name, budget.category, budget.limits, tuple(bounds), owner)
        with at_work, self._lock:
            if key not in self._tallies:
                if len(self._tallies) >= MOST_BUDGETS:
                    key = ("", "", budget.limits, tuple(bounds), owner)
                if key not in self._tallies:
                    self._tallies[key] = self._new_tally(bounds, budget)
                    self._attributes[key] = (
                        names.of_budget(budget) if key[0] else {names.OVERFLOW: True}
                    )
            return self._tallies[key]

    def add_reader(self, reader: object) -> None:
        """Let `reader` read every tally from now on."""
        with at_work, self._lock:
            if not self._survives_fork and hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._start_anew)
                self._survives_fork = True
            self._readers.append(reader)
            for tally in self._tallies.values():
                tally.open_account(reader, time.time_ns())

    @property
    def has_readers(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    def read(
        self, reader: object, now_ns: int, *, reset: bool
    ) -> Iterator[tuple[Mapping[str, str | bool], tuple[float, ...], Account]]:
        """Yield attributes, bounds in seconds, and what `reader` has to read, for each tally."""
        with at_work, self._lock:
            tallies = list(self._tallies.items())
        for key, tally in tallies:
            yield self._attributes[key], tally.bounds, tally.read(reader, now_ns, reset=reset)

    def _new_tally(self, bounds: Sequence[float], budget: Budget) -> Tally:
        tally = Tally(bounds, budget.limits)
        for reader in self._readers:
            tally.open_account(reader, time.time_ns())
        return tally

    def _start_anew(self) -> None:
        """After a fork, count the child's calls only: the parent reports its own."""
        self._lock = threading.RLock()
        for tally in self._tallies.values():
            tally.forget(time.time_ns())


ledger: Final = Ledger()
"""The process's one."""
