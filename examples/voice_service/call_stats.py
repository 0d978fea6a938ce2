"""Collect the duration of each call, and summarise the calls of each operation."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from attrs import Factory, define, field, frozen

from perfkit import Budget, Catalog, Limit, Measurement, Metric, State, Verdict
from perfkit.model import CodeLocation


@frozen
class Row:
    """The summary of one operation. Times are in seconds; None without a call."""

    name: str
    target: float
    threshold: float
    calls: int
    p50: float | None
    p95: float | None
    worst: float | None
    state: State
    violated: int


@define
class _Sample:
    """All calls of one operation so far."""

    seconds: list[float] = Factory(list)
    states: list[State] = Factory(list)


@define
class Collector:
    """Stores the duration of every call, by budget: an observer for `perfkit.configure`.

    Safe to share between threads.
    """

    _samples: defaultdict[str, _Sample] = field(init=False, factory=lambda: defaultdict(_Sample))
    _lock: threading.Lock = field(init=False, factory=threading.Lock)

    def start(self, budget: Budget, where: CodeLocation, started_ns: int) -> _Call:  # noqa: ARG002 - the protocol of observers
        """Observe every call."""
        return _Call(self, budget.name)

    def add(self, name: str, measurement: Measurement, verdicts: Sequence[Verdict]) -> None:
        """Store the duration of one call and the states of its duration limits."""
        seconds = measurement.value(Metric.DURATION)
        if seconds is None:
            return
        with self._lock:
            sample = self._samples[name]
            sample.seconds.append(seconds)
            sample.states += [v.state for v in verdicts if v.limit.metric is Metric.DURATION]

    def row(self, name: str, limit: Limit) -> Row:
        """Summarise the calls of one operation, whose duration has the limit `limit`."""
        with self._lock:
            sample = self._samples[name]
            seconds, states = np.array(sample.seconds), list(sample.states)
        p50, p95, worst = np.quantile(seconds, (0.5, 0.95, 1.0)) if seconds.size else (None,) * 3
        return Row(
            name=name,
            target=limit.target,
            threshold=limit.threshold,
            calls=seconds.size,
            p50=p50,
            p95=p95,
            worst=worst,
            state=max(states, key=lambda state: state.rank, default=State.NO_DATA),
            violated=states.count(State.VIOLATED),
        )


@frozen
class _Call:
    """One call in flight."""

    collector: Collector
    name: str

    def stop(self, measurement: Measurement, verdicts: Sequence[Verdict]) -> None:
        """Store the duration of the call."""
        self.collector.add(self.name, measurement, verdicts)


def duration_limit(catalog: Catalog, name: str) -> Limit:
    """Return the limit on the duration of `name`; raises LookupError if the catalog has none."""
    budget = catalog.get(name)
    for limit in budget.limits if budget else ():
        if limit.metric is Metric.DURATION:
            return limit
    raise LookupError(
        f"{catalog.source} has no limit on the duration of {name}; import BENCHMARKS.md again"
    )
