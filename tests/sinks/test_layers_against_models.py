"""Layers that hold back do as naive models of them, for any sequence of violations."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import partial
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from perfkit import Severity
from perfkit.sinks import Deduplicated, RateLimited
from tests.sinks.chains import (
    LEVELS,
    Chain,
    of,
)

SECOND = 1_000_000_000


STEPS = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda eighths: eighths / 8),
        st.sampled_from("ab"),
        st.sampled_from(LEVELS),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([0.125, 0.5, 1.0, 4.0]), st.integers(1, 4))
def test_a_token_bucket_does_as_a_naive_one(
    steps: list[Any], per_second: float, burst: int
) -> None:
    chain = Chain(partial(RateLimited, per_second=per_second, burst=burst))
    tokens, held, wanted = Fraction(burst), defaultdict[str, int](int), []
    for wait, name, severity in steps:
        chain.now.seconds += wait
        chain.emit(of(name, severity))
        tokens = min(Fraction(burst), tokens + Fraction(wait) * Fraction(per_second))
        if tokens >= 1:
            tokens -= 1
            wanted.append((name, held.pop(name, 0)))
        else:
            held[name] += 1
    assert [(each.budget.name, each.suppressed) for each in chain.sink.got] == wanted
    assert chain.sums == (len(steps), len(wanted), len(steps) - len(wanted), 0, 0)


class _NaiveDeduplication:
    """Remembers all violations of each incident, and lists the violations that are to pass."""

    def __init__(self, repeat_interval: float | None, resolve_after: float | None) -> None:
        self.repeat_interval, self.resolve_after = repeat_interval, resolve_after
        self.incidents: dict[str, list[tuple[float, Severity, bool]]] = {}
        self.passed: list[tuple[str, str, int]] = []

    def resolve(self, now: float) -> None:
        if self.resolve_after is None:
            return
        for name, incident in tuple(self.incidents.items()):
            if now - incident[-1][0] >= self.resolve_after:
                del self.incidents[name]
                self.passed.append((name, "resolved", self._suppressed(incident)))

    def add(self, name: str, severity: Severity, now: float) -> None:
        incident = self.incidents[name] = self.incidents.pop(name, [])  # by the time of the last
        passed = [each for each in incident if each[2]]
        passes = not passed or severity.rank > passed[-1][1].rank
        interval = self.repeat_interval
        passes = passes or (interval is not None and now - passed[-1][0] >= interval)
        if passes:
            self.passed.append((name, severity, self._suppressed(incident)))
        incident.append((now, severity, passes))

    def _suppressed(self, incident: list[tuple[float, Severity, bool]]) -> int:
        return next((at for at, each in enumerate(reversed(incident)) if each[2]), len(incident))


@given(STEPS, st.sampled_from([None, 1.0, 3.0]), st.sampled_from([None, 2.0]), st.booleans())
def test_deduplication_does_as_a_naive_one(
    steps: list[Any],
    resolve_after: float | None,
    repeat_interval: float | None,
    ticks: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    assume(resolve_after or repeat_interval)
    times = {"repeat_interval": repeat_interval, "resolve_after": resolve_after}
    chain = Chain(partial(Deduplicated, **times))
    model = _NaiveDeduplication(**times)
    for wait, name, severity in steps:
        chain.now.seconds += wait
        if ticks:
            chain.tick()
        chain.emit(of(name, severity))
        model.resolve(chain.now.seconds)
        model.add(name, severity, chain.now.seconds)
    chain.now.seconds += resolve_after or 0.0
    chain.tick()
    model.resolve(chain.now.seconds)
    got = [
        (each.budget.name, "resolved" if each.is_recovery else each.severity, each.suppressed)
        for each in chain.sink.got
    ]
    assert got == model.passed
    recoveries = sum(each.is_recovery for each in chain.sink.got)
    passed = len(got) - recoveries
    assert chain.sums == (len(steps) + recoveries, len(got), len(steps) - passed, 0, 0)
