"""Layers that hold back do as naive models of them, for any sequence of violations."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit import Severity
from perfkit.sinks import Deduped, Deduplicated, RateLimited
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
@settings(deadline=None)
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


@given(STEPS, st.sampled_from([1.0, 3.0, 10.0]))
@settings(deadline=None)
def test_dedupe_does_as_a_naive_one(steps: list[Any], cooldown: float) -> None:
    chain = Chain(partial(Deduped, cooldown=cooldown))
    said: dict[Any, float] = {}
    held, wanted = defaultdict[str, int](int), []
    for wait, name, severity in steps:
        chain.now.seconds += wait
        chain.emit(of(name, severity))
        now = chain.now.seconds
        if now - said.get((name, severity), -1000.0) >= cooldown:
            said[name, severity] = now
            wanted.append((name, severity, held.pop(name, 0)))
        else:
            held[name] += 1
    got = [(each.budget.name, each.severity, each.suppressed) for each in chain.sink.got]
    assert got == wanted
    assert chain.sums == (len(steps), len(wanted), len(steps) - len(wanted), 0, 0)


class _NaiveEdge:
    """Keeps all violations of each episode, and says what an edge has to say."""

    def __init__(self, quiet: float, repeat: float | None) -> None:
        self.quiet, self.repeat = quiet, repeat
        self.incidents: dict[str, list[tuple[float, Severity, bool]]] = {}
        self.said: list[tuple[str, str, int]] = []

    def end(self, now: float) -> None:
        for name, incident in tuple(self.incidents.items()):
            if now - incident[-1][0] >= self.quiet:
                del self.incidents[name]
                self.said.append((name, "over", self._unsaid(incident)))

    def take(self, name: str, severity: Severity, now: float) -> None:
        incident = self.incidents[name] = self.incidents.pop(name, [])  # by the time of the last
        said = [each for each in incident if each[2]]
        is_said = not said or severity.rank > said[-1][1].rank
        is_said = is_said or (self.repeat is not None and now - said[-1][0] >= self.repeat)
        if is_said:
            self.said.append((name, severity, self._unsaid(incident)))
        incident.append((now, severity, is_said))

    def _unsaid(self, incident: list[tuple[float, Severity, bool]]) -> int:
        return next((at for at, each in enumerate(reversed(incident)) if each[2]), len(incident))


@given(STEPS, st.sampled_from([1.0, 3.0]), st.sampled_from([None, 2.0]), st.booleans())
@settings(deadline=None)
def test_an_edge_does_as_a_naive_one(
    steps: list[Any],
    quiet: float,
    repeat: float | None,
    ticks: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    chain = Chain(partial(Deduplicated, quiet=quiet, repeat=repeat))
    model = _NaiveEdge(quiet, repeat)
    for wait, name, severity in steps:
        chain.now.seconds += wait
        if ticks:
            chain.tick()
        chain.emit(of(name, severity))
        model.end(chain.now.seconds)
        model.take(name, severity, chain.now.seconds)
    chain.now.seconds += quiet
    chain.tick()
    model.end(chain.now.seconds)
    got = [
        (each.budget.name, "over" if each.is_recovery else each.severity, each.suppressed)
        for each in chain.sink.got
    ]
    assert got == model.said
    recoveries = sum(each.is_recovery for each in chain.sink.got)
    passed = len(got) - recoveries
    assert chain.sums == (len(steps) + recoveries, len(got), len(steps) - passed, 0, 0)
