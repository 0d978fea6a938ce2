"""After a violation the next call gathers evidence, seldom and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import perfkit
from perfkit import Metric, Violation, budget, timed
from perfkit.catalog import parse_limits
from perfkit.model import Budget
from perfkit.testing import FakeClock


def _burn() -> list[list[int]]:
    """Take time of its own: what a collection happens to end within may take some too."""
    made = []
    for _ in range(300):
        made.append(list(range(200)))  # noqa: PERF401 - before 3.12 that would be another function
    return made


@timed("slow")
def _sync() -> None:
    _burn()


@timed("slow")
async def _coroutine() -> None:
    await asyncio.sleep(0)
    _burn()


@timed("slow")
def _generator() -> Iterator[int]:
    yield 1
    _burn()


def _in_block() -> None:
    with budget("slow"):
        _burn()


_WAYS: dict[str, Callable[[], Any]] = {
    "sync": _sync,
    "coroutine": lambda: asyncio.run(_coroutine()),
    "generator": lambda: list(_generator()),
    "block": _in_block,
}


def _configure(heard: list[Violation], kinds: tuple[str, ...] = ("cpu",), **settings: Any) -> None:
    limits = settings.pop("limits", parse_limits(Metric.DURATION, "0s"))
    promise = Budget(name="slow", limits=limits, evidence=kinds)
    perfkit.configure(
        perfkit.Catalog(budgets=[promise]), sinks=[heard.append], spans="never", **settings
    )


@pytest.mark.parametrize("way", _WAYS)
def test_the_call_after_a_violation_is_profiled_and_explains_the_next_one(way: str) -> None:
    heard: list[Violation] = []
    _configure(heard, ("cpu", "memory", "stack"))
    for _ in range(3):
        _WAYS[way]()
    first, second = heard  # the armed call is left out of the verdicts
    assert first.evidence == ()
    assert {each.kind for each in second.evidence} == {"cpu", "memory", "stack"}
    assert all((each.since_armed or 0) > 0 for each in second.evidence)
    notes = {each.kind: each.note for each in second.evidence}
    assert notes["cpu"].endswith("times are under memory tracing, which slows allocations down")
    functions = [
        row["function"] for each in second.evidence if each.kind == "cpu" for row in each.rows
    ]
    assert any("_burn" in name for name in functions)


def test_an_armed_call_is_left_out_of_duration_metrics_and_verdicts(seen: Any) -> None:
    _configure([], observers=[seen])
    spents = []
    for _ in range(2):
        with budget("slow") as spent:
            _burn()
        spents.append(spent)
    assert [str(spent.state) for spent in spents] == ["violated", "no_data"]
    assert spents[1].verdicts[0].reason == "slowed down by cProfile, evidence"
    assert "evidence" in seen.measurements[1].slowed_by


@pytest.mark.parametrize(("settings", "calls"), [({}, 125), ({"evidence_interval": "10s"}, 30)])
def test_one_call_in_a_minute_is_armed_or_in_the_interval_of_the_settings(
    settings: dict[str, str], calls: int, clock: FakeClock
) -> None:
    _configure([], clock=clock, **settings)
    armed = 0
    for _ in range(calls):
        with budget("slow") as spent:
            clock.advance(1)
        armed += spent.state == "no_data"
    assert armed == 3


def test_a_budget_does_not_stay_armed_for_long(clock: FakeClock) -> None:
    _configure([], clock=clock)
    with budget("slow"):
        clock.advance(1)
    clock.advance(100)
    with budget("slow") as spent:
        clock.advance(1)
    assert spent.state == "violated"


def test_old_evidence_is_not_shown(clock: FakeClock) -> None:
    heard: list[Violation] = []
    _configure(heard, clock=clock, evidence_interval="1d")
    for _ in range(3):
        with budget("slow"):
            clock.advance(1)
    assert heard[-1].evidence
    clock.advance(3600)
    with budget("slow"):
        clock.advance(1)
    assert heard[-1].evidence == ()


def test_a_broken_window_is_told_again_with_its_evidence(clock: FakeClock) -> None:
    heard: list[Violation] = []
    limits = parse_limits(Metric.DURATION, {"threshold": "1ms", "statistic": "p50", "window": "1m"})
    _configure(heard, clock=clock, limits=limits)
    for _ in range(5):
        with budget("slow"):
            clock.advance(1)
    first, again = heard
    assert (first.evidence, first.since_ns) == ((), again.since_ns)
    assert [each.kind for each in again.evidence] == ["cpu"]


def test_nothing_is_armed_without_allowance(clock: FakeClock) -> None:
    heard: list[Violation] = []
    _configure(heard, ("memory",), clock=clock, max_overhead="1%", evidence_interval="1s")
    states = []
    for _ in range(400):
        with budget("slow") as spent:
            clock.advance(0.5)
        states.append(str(spent.state))
    armed_seconds = 0.5 * states.count("no_data")
    assert 1.0 <= armed_seconds <= 0.6 + 0.01 * 200 + 0.5


def test_a_quiet_call_is_not_armed_and_takes_the_short_cut_again() -> None:
    heard: list[Violation] = []
    limits = parse_limits(Metric.DURATION, "5s")
    _configure(heard, limits=limits)
    _sync()
    site = _sync.__closure__  # type: ignore[attr-defined]  # a function, whatever its type says
    callsite = next(c.cell_contents for c in site if type(c.cell_contents).__name__ == "Callsite")
    assert callsite.is_fast
    callsite.plan.capture.arm(_violation(heard))
    assert not callsite.is_fast
    _sync()
    assert callsite.is_fast


def _violation(heard: list[Violation]) -> Violation:
    with budget("other", duration="0s", on_violation=heard.append):
        pass
    return heard[-1]
