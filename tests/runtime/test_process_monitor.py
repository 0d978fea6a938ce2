"""The process as a whole is held to budgets."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import psutil
import pytest

import perfkit
from perfkit import ConfigurationError, Metric, UnknownBudgetError, Violation, evaluate_windows
from perfkit.catalog import parse_limits
from perfkit.model import Budget
from perfkit.testing import FakeClock
from tests.processes import fork


def _budget(name: str, **limits: Any) -> Budget:
    parsed = [each for key, value in limits.items() for each in parse_limits(Metric(key), value)]
    return Budget(name=name, limits=parsed)


_SMALL = _budget("small", memory_rss="1MB")
_LARGE = _budget("large", memory_rss="64GB", threads="10000", open_files="1000000")
_CALLS = _budget("calls", duration="1s", memory_rss="64GB")


def _configure(*budgets: Budget, **settings: Any) -> list[Violation]:
    heard: list[Violation] = []
    perfkit.configure(perfkit.Catalog(budgets=budgets), sinks=[heard.append], **settings)
    return heard


def test_a_process_budget_is_news_when_it_breaks_and_not_again() -> None:
    heard = _configure(_SMALL, _LARGE)
    with perfkit.monitor(interval=None) as process:
        for _ in range(3):
            process.sample()
    (violation,) = heard
    assert (violation.budget.name, violation.where.function) == ("small", f"process {os.getpid()}")
    assert violation.value > 1e6


def test_only_budgets_of_the_process_are_judged_unless_named() -> None:
    _configure(_SMALL, _LARGE, _CALLS, Budget(name="bare"))
    with perfkit.monitor(interval=None):
        assert {v.budget.name for v in evaluate_windows()} == {"small", "large"}
    with perfkit.monitor("calls", "sm*", interval=None):
        assert {(v.budget.name, v.limit.metric) for v in evaluate_windows()} == {
            ("calls", "memory_rss"),
            ("small", "memory_rss"),
        }
    assert evaluate_windows() == ()


def test_a_limit_on_each_sample_is_judged_by_the_last_one(clock: FakeClock) -> None:
    limit = {"threshold": "64GB", "statistic": "each"}
    _configure(_budget("each", memory_rss=limit), clock=clock)
    with perfkit.monitor(interval=None):
        assert [(v.state, v.limit.statistic) for v in evaluate_windows()] == [("met", "each")]


def test_the_first_reading_of_cpu_and_disks_is_discarded() -> None:
    promise = _budget("busy", cpu_utilization="100000%", disk_write_rate="1TB/s")
    _configure(promise)
    with perfkit.monitor(interval=None) as process:
        assert {v.state for v in evaluate_windows()} == {"no_data"}
        sum(range(100_000))
        process.sample()
        cpu, *_ = evaluate_windows()
        assert (cpu.state, (cpu.value or 0) > 0) == ("met", True)


def test_it_samples_by_itself_at_an_interval() -> None:
    heard = threading.Event()
    promise = _budget("small", memory_rss={"threshold": "1MB", "min_samples": 3})
    perfkit.configure(perfkit.Catalog(budgets=[promise]), sinks=[lambda _: heard.set()])
    with perfkit.monitor(interval="10ms"):
        assert heard.wait(20)


def test_configure_starts_one_and_reset_ends_it() -> None:
    _configure(_SMALL, monitor=["small"], monitor_interval="10ms")
    assert "perfkit-ticker" in {thread.name for thread in threading.enumerate()}
    assert {v.budget.name for v in evaluate_windows()} == {"small"}
    perfkit.reset()
    assert "perfkit-ticker" not in {thread.name for thread in threading.enumerate()}


def test_override_puts_the_monitor_back() -> None:
    _configure(_SMALL, _LARGE, monitor="small")
    with perfkit.override(perfkit.Catalog(budgets=[_LARGE]), monitor="large"):
        assert {v.budget.name for v in evaluate_windows()} == {"large"}
    assert {v.budget.name for v in evaluate_windows()} == {"small"}


def test_the_default_settings_start_one_too(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text('[settings]\nmonitor = true\n[budgets.base]\nmemory_rss = "64GB"\n')
    monkeypatch.chdir(tmp_path)
    with perfkit.budget("base"):
        pass
    of_call, of_process = evaluate_windows()
    assert (of_call.budget.name, of_process.budget.name) == ("base", "base")
    assert of_process.state == "met"


def test_new_settings_bring_new_budgets() -> None:
    _configure(_SMALL)
    with perfkit.monitor(interval=None) as process:
        heard = _configure(_budget("other", memory_rss="2MB"))
        process.sample()
    assert [violation.budget.name for violation in heard] == ["other"]


def test_a_name_that_is_unknown_is_an_error_where_settings_say_so() -> None:
    _configure(_SMALL)
    with pytest.raises(UnknownBudgetError, match="did you mean 'small'"):
        perfkit.monitor("smal", interval=None).start()
    _configure(_SMALL, unknown_budgets="ignore")
    with perfkit.monitor("smal", interval=None):
        assert evaluate_windows() == ()


@pytest.mark.parametrize("interval", ["soon", 0, -1, "0s", float("nan")])
def test_an_interval_that_is_none_is_refused(interval: Any) -> None:
    with pytest.raises(ConfigurationError, match="interval"):
        perfkit.monitor(interval=interval)


@pytest.mark.skipif(not hasattr(psutil.Process, "num_fds"), reason="needs descriptors to count")
def test_nothing_is_left_open() -> None:
    _configure(_LARGE)
    before = psutil.Process().num_fds()
    for _ in range(5):
        with perfkit.monitor(interval=None) as process:
            process.sample()
    gc.collect()
    assert psutil.Process().num_fds() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_it_goes_on_in_a_forked_child_and_is_of_the_child() -> None:
    _configure(_budget("base", memory_rss={"threshold": "64GB", "min_samples": 1}))
    with perfkit.monitor(interval="20ms") as process:
        ballast = bytearray(150_000_000)
        ballast[::4096] = b"1" * len(ballast[::4096])
        process.sample()
        del ballast

        def in_child() -> None:
            grown = bytearray(300_000_000)
            grown[::4096] = b"1" * len(grown[::4096])
            process.sample()
            (verdict,) = evaluate_windows()
            assert (verdict.value or 0) > 300e6
            assert "perfkit-ticker" in {thread.name for thread in threading.enumerate()}

        assert fork(in_child) == 0
