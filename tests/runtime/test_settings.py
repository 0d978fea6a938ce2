"""configure, reset and override take effect at once, everywhere."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import perfkit
from perfkit import CatalogError, ConfigurationError, State, UnknownBudgetError, budget, timed
from perfkit.testing import FakeClock, capture_violations

_CATALOG = """\
[budgets.load]
category = "database"
critical = true
duration = { target = "100ms", threshold = "300ms" }

[budgets.store]
sinks = []
duration = "1s"
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "perfkit.toml"
    path.write_text(_CATALOG)
    return path


def _state_of(name: str) -> State | None:
    with budget(name) as spent:
        pass
    return spent.state


def test_a_callsite_follows_each_reconfiguration(catalog: Path, clock: FakeClock) -> None:
    @timed("load")
    def load() -> None:
        clock.advance(0.2)

    perfkit.configure(catalog, clock=clock)
    with capture_violations() as first:
        load()
    stricter = catalog.with_name("stricter.toml")
    stricter.write_text(_CATALOG.replace("300ms", "150ms"))
    perfkit.configure(stricter, clock=clock)
    with capture_violations() as second:
        load()
    assert [v.state for v in first + second] == ["degraded", "violated"]


def test_override_puts_back_what_was_there_whatever_happens(catalog: Path) -> None:
    perfkit.configure(catalog)

    def fail() -> None:
        with perfkit.override(perfkit.Catalog(), unknown_budgets="ignore"):
            assert _state_of("load") is State.NO_DATA
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert _state_of("load") is State.MET


def test_a_catalog_with_problems_is_refused_whole(catalog: Path) -> None:
    perfkit.configure(catalog)
    broken = catalog.with_name("broken.toml")
    broken.write_text('[budgets.load]\nduration = "3 parsecs"\ncolour = "red"\n')
    with pytest.raises(CatalogError) as caught:
        perfkit.configure(broken)
    assert len(caught.value.problems) == 2
    assert _state_of("load") is State.MET


def test_without_configuration_a_broken_catalog_is_logged_and_under_pytest_an_error(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    catalog.write_text('[budgets.load]\nduration = "3 parsecs"\n')
    monkeypatch.chdir(catalog.parent)
    perfkit.reset()
    with pytest.raises(CatalogError):
        budget("load").__enter__()
    monkeypatch.delenv("PYTEST_VERSION")
    with budget("load"):
        pass
    assert "the catalog is not used" in caplog.text
    assert "parsecs" in caplog.text


def test_an_unknown_budget_is_warned_of_once_with_the_nearest_name(
    catalog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    perfkit.configure(catalog, unknown_budgets="warn")
    for _ in range(3):
        assert _state_of("laod") is State.NO_DATA
    (record,) = caplog.records
    assert "budget 'laod' is not in" in record.getMessage()
    assert "did you mean 'load'?" in record.getMessage()


def test_an_unknown_budget_is_an_error_under_pytest(catalog: Path) -> None:
    perfkit.configure(catalog)
    with pytest.raises(UnknownBudgetError, match=r"\[budgets.qwertyuiop\]"):
        budget("qwertyuiop").__enter__()


def test_a_limit_in_code_replaces_the_catalogs_and_keeps_the_rest(
    catalog: Path, clock: FakeClock
) -> None:
    perfkit.configure(catalog, clock=clock)
    with capture_violations() as violations, budget("load", duration="1s"):
        clock.advance(2)
    (violation,) = violations
    assert (violation.limit.threshold, violation.budget.critical) == (1.0, True)
    assert violation.budget.category == "database"


def test_routes_choose_by_category_and_severity(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(
        _CATALOG
        + f"""
[[routes]]
when = {{ category = "database", severity = "critical" }}
sinks = ["file"]

[[routes]]
when = {{ budget = "lo*", severity = ">= info" }}
sinks = ["other"]

[sinks.file]
type = "jsonl"
path = '{tmp_path / "critical.jsonl"}'

[sinks.other]
type = "jsonl"
path = '{tmp_path / "info.jsonl"}'
"""
    )
    perfkit.configure(path, clock=clock)
    for seconds in (0.05, 0.2, 0.4):
        with budget("load"):
            clock.advance(seconds)
    written = {p.name: len(p.read_text().splitlines()) for p in tmp_path.glob("*.jsonl")}
    assert written == {"critical.jsonl": 1, "info.jsonl": 1}


def test_spans_of_a_budget_beat_its_category_and_that_beats_the_setting(catalog: Path) -> None:
    catalog.write_text(
        """
[settings]
spans = "violations"
category_spans = { cache = "never" }
[budgets.a]
duration = "1s"
[budgets.b]
category = "cache"
duration = "1s"
[budgets.c]
category = "cache"
spans = "always"
duration = "1s"
"""
    )
    perfkit.configure(catalog)
    chosen = []
    for name in ("a", "b", "c"):
        with budget(name) as spent:
            pass
        chosen.append(spent.verdicts[0].budget.spans)
    assert chosen == ["violations", "never", "always"]


def test_a_telemetry_that_cannot_be_used_is_refused() -> None:
    wrong: Any = "carrier pigeon"
    with pytest.raises(ConfigurationError, match="telemetry is 'carrier pigeon'"):
        perfkit.configure(perfkit.Catalog(), telemetry=wrong)


def test_two_threads_that_configure_at_once_leave_one_whole_setting() -> None:
    def configure() -> None:
        for _ in range(50):
            perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore")
            assert _state_of("load") is State.NO_DATA

    threads = [threading.Thread(target=configure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
