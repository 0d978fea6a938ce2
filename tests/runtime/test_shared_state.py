"""Windows that several places share, and settings that change while calls run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

import perfkit
from perfkit import Violation, budget, timed
from perfkit.runtime import plan
from perfkit.testing import FakeClock
from tests.soak.backend import Backend

_FAILURES: Final = {"threshold": "50%", "window": "1h", "min_samples": 2}


@pytest.fixture
def backend() -> Iterator[Backend]:
    """Where calls are exported to."""
    backend = Backend()
    perfkit.configure(
        perfkit.Catalog(), telemetry=backend.telemetry, sinks=[], unknown_budgets="ignore"
    )
    yield backend
    backend.close()


def test_a_block_with_a_function_made_at_each_entry_has_one_set_of_windows() -> None:
    heard: list[Violation] = []

    def enter() -> None:
        hear: Callable[[Violation], None] = lambda violation: heard.append(violation)  # noqa: E731, PLW0108 - made anew each time is the point
        with pytest.raises(LookupError), budget("job", error_ratio=_FAILURES, on_violation=hear):
            raise LookupError

    for _ in range(20):
        enter()
    assert [verdict.samples for verdict in perfkit.evaluate_windows()] == [20]
    assert [violation.samples for violation in heard] == [20]


def test_two_places_that_tell_others_are_judged_by_their_own_calls(backend: Backend) -> None:
    heard: dict[str, list[Violation]] = {"failing": [], "fine": []}

    @timed("call", error_ratio=_FAILURES, on_violation=heard["failing"].append)
    def failing() -> None:
        raise LookupError

    @timed("call", error_ratio=_FAILURES, on_violation=heard["fine"].append)
    def fine() -> None:
        pass

    for _ in range(30):
        with pytest.raises(LookupError):
            failing()
        fine()
    verdicts = perfkit.evaluate_windows()
    assert sorted((v.value, v.samples) for v in verdicts) == [(0.0, 30), (1.0, 30)]
    assert (len(heard["failing"]), len(heard["fine"])) == (1, 0)
    points = backend.points("perfkit.call.duration")
    counts = {point.attributes["perfkit.outcome"]: point.count for point in points}
    assert counts == {"ok": 30, "error": 30}


def test_judgements_of_windows_are_exported_beside_calls_counted_in_bulk(backend: Backend) -> None:
    with budget("call", error_ratio=_FAILURES):
        pass
    perfkit.evaluate_windows()
    (point,) = backend.points("perfkit.window.verdicts")
    about = {key.removeprefix("perfkit."): value for key, value in point.attributes.items()}
    assert about == {
        "budget.name": "call",
        "metric": "error_ratio",
        "statistic": "ratio",
        "budget.state": "no_data",
    }
    assert point.value >= 1


def test_a_plan_that_is_made_while_measuring_is_turned_off_is_not_used(
    monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    is_made, may_go_on = threading.Event(), threading.Event()
    make_plan = plan.make_plan

    def slowly(*args: Any) -> plan.Plan:
        made = make_plan(*args)
        if threading.current_thread() is slow:
            is_made.set()
            may_go_on.wait()
        return made

    @timed
    def call() -> None:
        pass

    monkeypatch.setattr(plan, "make_plan", slowly)
    slow = threading.Thread(target=call)
    slow.start()
    is_made.wait()
    perfkit.configure(perfkit.Catalog(), observers=[seen], enabled=False)
    call()
    may_go_on.set()
    slow.join()
    before = len(seen.measurements)
    call()
    assert len(seen.measurements) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"enabled": False},
        {"clock": FakeClock()},
        {"catalog": perfkit.Catalog(budgets=[perfkit.Budget(name="call", evidence=("children",))])},
    ],
    ids=["off", "clock", "children"],
)
@pytest.mark.parametrize("fails", [False, True])
def test_a_call_in_flight_is_counted_as_it_began_when_the_settings_change(
    changed: dict[str, Any], backend: Backend, *, fails: bool
) -> None:
    said = {"catalog": perfkit.Catalog(), "unknown_budgets": "ignore", **changed}

    @timed("call")
    def call(*, changes: bool) -> None:
        if changes:
            perfkit.configure(**said, sinks=[], telemetry=backend.telemetry)
            with suppress(LookupError):
                call(changes=False)
        if fails:
            raise LookupError

    for changes in (False, True):
        with suppress(LookupError):
            call(changes=changes)
    counted = sum(point.count for point in backend.points("perfkit.call.duration"))
    assert counted == (2 if changed.get("enabled") is False else 3)
