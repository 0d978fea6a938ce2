"""A failure inside perfkit never reaches the application, is logged once, and is counted."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import perfkit
from perfkit import budget, timed
from perfkit.runtime import internal_errors, settings
from perfkit.runtime.state import state
from perfkit.testing import FakeClock, strict


class _Broken:
    """An observer, a sink and a probe that fail wherever they can."""

    metrics = frozenset({perfkit.Metric.CPU_TIME})
    explains = ""
    slows = ""

    def start(self, *_: Any) -> Any:
        raise RuntimeError("broken start")

    def emit(self, violation: perfkit.Violation) -> None:
        raise RuntimeError("broken sink")

    def open(self) -> Any:
        raise RuntimeError("broken probe")


class _BreaksLater:
    def start(self, *_: Any) -> Any:
        return self

    def stop(self, *_: Any) -> Any:
        raise RuntimeError("broken stop")


@pytest.mark.usefixtures("lenient")
def test_a_sink_that_raises_is_logged_once_and_counted_each_time(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[perfkit.Violation] = []
    perfkit.configure(perfkit.Catalog(), sinks=[_Broken(), heard.append], clock=clock)
    before = internal_errors.counts().get("sink _Broken", 0)
    for _ in range(3):
        with budget("load", duration="1s") as spent:
            clock.advance(2)
    assert (spent.state, len(heard)) == ("violated", 3)
    assert internal_errors.counts()["sink _Broken"] - before == 3
    (record,) = (record for record in caplog.records if record.name == "perfkit")
    assert record.getMessage() == (
        "perfkit: sink _Broken failed: RuntimeError: broken sink; the application is not "
        "affected, later failures are counted"
    )


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("observer", [_Broken(), _BreaksLater()])
def test_an_observer_that_raises_costs_only_itself(observer: Any, seen: Any) -> None:
    perfkit.configure(perfkit.Catalog(), observers=[observer, seen], unknown_budgets="ignore")
    with budget("load"):
        pass
    assert len(seen.measurements) == 1


@pytest.mark.usefixtures("lenient")
def test_a_probe_that_raises_leaves_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    perfkit.configure(perfkit.Catalog())
    settings.replace(evolve(settings.current(), find_probes=lambda: (_Broken(),)))
    with budget("load", cpu_time="1s") as spent:
        pass
    assert (spent.duration is not None, spent.cpu_time, spent.state) == (True, None, "no_data")


@pytest.mark.usefixtures("lenient")
def test_a_sink_named_in_code_that_does_not_exist_costs_only_itself(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    perfkit.configure(perfkit.Catalog(), clock=clock)
    heard: list[perfkit.Violation] = []
    with budget("load", duration="1s", sinks=["nowhere", heard.append]):
        clock.advance(2)
    assert len(heard) == 1
    assert 'no sink is called "nowhere"' in caplog.text


@pytest.mark.usefixtures("lenient")
def test_a_sink_that_breaks_a_budget_does_not_go_round_for_ever(clock: FakeClock) -> None:
    delivered = []

    @timed("deliver", threshold="1s")
    def deliver(violation: perfkit.Violation) -> None:
        clock.advance(5)
        delivered.append(violation)

    perfkit.configure(perfkit.Catalog(), sinks=[deliver], clock=clock)
    with budget("load", duration="1s"):
        clock.advance(2)
    assert [violation.budget.name for violation in delivered] == ["load", "deliver"]
    assert internal_errors.counts()["delivery"] >= 1
    (totals,) = [each for each in perfkit.sink_stats() if each.sink == "deliver"]
    assert (totals.raised, totals.delivered, totals.dropped_by) == (3, 2, {"recursion": 1})


HOSTILE = "bad\nCRITICAL forged \x1b[31m\u2028\u202e"


@pytest.mark.usefixtures("lenient")
def test_what_a_sink_raises_forges_no_line_of_the_log(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: perfkit.Violation) -> None:
        raise type(HOSTILE, (RuntimeError,), {})(HOSTILE)

    fail.__qualname__ = HOSTILE
    perfkit.configure(perfkit.Catalog(), sinks=[fail], clock=clock)
    with budget("load", duration="1s"):
        clock.advance(2)
    (record,) = (record for record in caplog.records if record.name == "perfkit")
    assert record.getMessage().isprintable()
    assert record.getMessage().count("bad\\nCRITICAL forged") >= 2


@pytest.mark.usefixtures("lenient")
def test_the_name_of_what_failed_forges_no_line_either(caplog: pytest.LogCaptureFixture) -> None:
    internal_errors.report(f"sink {HOSTILE}", RuntimeError("x" * 1_000_000))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 2_000


@pytest.mark.usefixtures("lenient")
def test_an_error_that_cannot_be_printed_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    internal_errors.report("probe of a test", SilentError())
    (record,) = caplog.records
    assert "SilentError: (it cannot be printed); the application" in record.getMessage()


def test_a_warning_keeps_its_lines_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    internal_errors.warn_once(
        object(), "wrong:\n%s", perfkit.CatalogError([f"a: {HOSTILE}", "b: no"])
    )
    internal_errors.warn_once(object(), "%d calls of %s", 3, HOSTILE)
    first, second = (record.getMessage() for record in caplog.records)
    assert [line.isprintable() for line in first.splitlines()] == [True] * 3
    assert second.startswith("3 calls of bad\\nCRITICAL")
    assert second.isprintable()


def test_strict_raises_what_would_be_swallowed(clock: FakeClock) -> None:
    internal_errors.set_strict(is_strict=False)
    perfkit.configure(perfkit.Catalog(), sinks=[_Broken()], clock=clock)
    with (
        pytest.raises(RuntimeError, match="broken sink"),
        strict(),
        budget("load", duration="1s"),
    ):
        clock.advance(2)


@pytest.mark.usefixtures("lenient")
def test_only_a_raise_sink_may_raise_budget_exceeded(clock: FakeClock) -> None:
    def pretend(violation: perfkit.Violation) -> None:
        raise perfkit.BudgetExceeded([violation])

    perfkit.configure(perfkit.Catalog(), sinks=[pretend], clock=clock)
    with budget("load", duration="1s"):
        clock.advance(2)


def test_a_part_of_perfkit_alone_says_what_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "make_default", None)
    with pytest.raises(RuntimeError, match="import perfkit"):
        settings.current()
