"""Register the bulk counters of the process for the metric exporters that read them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from perfkit.evaluation.bulk_counter import BulkCounter, CallCounts
from perfkit.forks import register_after_fork
from perfkit.model import Budget, Limit
from perfkit.model import telemetry_names as names
from perfkit.reentrancy import Lock, busy

MOST_BUDGETS: Final = 2000
"""The maximum number of counters with their own attributes: the SDK's cardinality limit."""

_Key = tuple[str, str, tuple[Limit, ...], tuple[float, ...], object]


class CounterRegistry:
    """One bulk counter for each budget, readable by any number of readers. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counters: dict[_Key, tuple[Mapping[str, str | bool], BulkCounter]] = {}
        self._readers: list[object] = []
        register_after_fork(self)

    def counter_of(
        self, budget: Budget, bounds: Sequence[float], owner: object = None
    ) -> BulkCounter:
        """Return the bulk counter of `budget`; budgets with equal arguments share a counter.

        Beyond `MOST_BUDGETS` counters, new ones share OpenTelemetry's overflow attribute. A budget
        name built from user data cannot exhaust the memory.
        """
        key = (budget.name, budget.category, budget.limits, tuple(bounds), owner)
        with busy, self._lock:
            if key not in self._counters:
                if len(self._counters) >= MOST_BUDGETS:
                    key = ("", "", budget.limits, tuple(bounds), owner)
                if key not in self._counters:
                    bulk_counter = BulkCounter(bounds, budget.limits)
                    for reader in self._readers:
                        bulk_counter.add_reader(reader, time.time_ns())
                    about = names.of_budget(budget) if key[0] else {names.OVERFLOW: True}
                    self._counters[key] = (about, bulk_counter)
            return self._counters[key][1]

    def add_reader(self, reader: object) -> None:
        """Add `reader` to every present and future counter, with counts from now on."""
        # Under the lock: a counter made by another thread would otherwise lack this reader.
        with busy, self._lock:
            self._readers.append(reader)
            for _, bulk_counter in self._counters.values():
                bulk_counter.add_reader(reader, time.time_ns())

    @property
    def has_readers(self) -> bool:
        """Whether at least one reader is registered."""
        return bool(self._readers)

    def read(
        self, reader: object, now_ns: int, *, reset: bool
    ) -> Iterator[tuple[Mapping[str, str | bool], tuple[float, ...], CallCounts]]:
        """Yield attributes, bounds in seconds, and the counts of `reader`, for each counter."""
        # A copy: other threads may add counters while the exporter iterates.
        with busy, self._lock:
            counters = list(self._counters.values())
        for about, bulk_counter in counters:
            yield about, bulk_counter.bounds, bulk_counter.read(reader, now_ns, reset=reset)

    def after_fork_in_child(self) -> None:
        """After a fork, count the child's calls only: the parent reports its own."""
        self._lock = Lock()
        for _, bulk_counter in self._counters.values():
            bulk_counter.reset(time.time_ns())


counter_registry: Final = CounterRegistry()
"""The registry of the process."""
