"""Calls whose end comes at a bad moment are counted and heard all the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import perfkit
from perfkit import Violation, timed
from perfkit.reentrancy import busy
from perfkit.runtime import deferred_calls


@pytest.fixture(autouse=True)
def _any_budget() -> None:
    perfkit.configure(perfkit.Catalog(), sinks=[], unknown_budgets="ignore", spans="never")


def test_a_call_that_ends_while_perfkit_is_at_work_is_settled_right_after() -> None:
    heard: list[Violation] = []

    @timed("late", threshold="0s", on_violation=heard.append)
    def late() -> None:
        pass

    with busy:
        late()
        assert heard == []
    assert [violation.budget.name for violation in heard] == ["late"]


def test_it_cannot_raise_any_more_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @timed("late", threshold="0s", on_violation="raise")
    def late() -> None:
        pass

    with busy:
        late()
    assert "no call to raise this out of: warning late" in caplog.text


def test_so_is_a_generator(caplog: pytest.LogCaptureFixture) -> None:
    @timed("items", threshold="0s", on_violation="raise")
    def items() -> Iterator[int]:
        yield 1
        yield 2

    generator = items()
    next(generator)
    with busy:
        assert list(generator) == [2]
    assert "no call to raise this out of: warning items" in caplog.text


@pytest.mark.parametrize("limits", [{"threshold": "0s"}, {"cpu_time": "1h"}])
def test_the_next_call_takes_up_what_was_left(limits: dict[str, str]) -> None:
    done: list[int] = []

    @timed("call", **limits)  # type: ignore[arg-type]  # keyword arguments of several types
    def call() -> None:
        pass

    call()
    deferred_calls.pending.append(lambda: done.append(1))
    call()
    assert done == [1]


def test_what_was_left_stays_while_the_sdk_is_at_work() -> None:
    done: list[int] = []
    deferred_calls.pending.append(lambda: done.append(1))
    within = {"__name__": "opentelemetry.sdk.metrics", "deferred_calls": deferred_calls}
    exec("deferred_calls.drain()", within)  # noqa: S102 - a frame of a module of that name
    assert done == []
    exec("deferred_calls.drain(is_safe=True)", within)  # noqa: S102 - likewise
    assert done == [1]


def test_a_generator_that_ends_within_the_sdk_is_left_for_later() -> None:
    heard: list[Violation] = []

    @timed("items", threshold="0s", on_violation=heard.append)
    def items() -> Iterator[int]:
        yield 1
        yield 2

    generator = items()
    next(generator)
    exec("close()", {"__name__": "opentelemetry.sdk.x", "close": generator.close})  # type: ignore[attr-defined]  # noqa: S102 - as above
    assert heard == []
    perfkit.evaluate_windows()
    assert len(heard) == 1


@pytest.mark.parametrize("limits", [{"threshold": "0s"}, {"cpu_time": "0s"}])
def test_a_call_at_the_very_end_of_the_process_runs_and_that_is_all(
    limits: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Violation] = []

    @timed("call", on_violation=heard.append, **limits)  # type: ignore[arg-type]  # as above
    def call() -> int:
        return 7

    assert call() == 7
    before = len(heard)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "is_finalizing", lambda: True)
        assert call() == 7
    assert (before, len(heard)) == (1, 1)
