"""configure, reset and override take effect at once, everywhere."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

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


def test_a_catalog_is_found_upwards_from_the_working_directory(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = catalog.parent / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    perfkit.reset()
    with budget("load") as spent:
        pass
    assert spent.state is State.MET


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


def test_override_puts_back_what_was_there(catalog: Path) -> None:
    perfkit.configure(catalog)
    with perfkit.override(perfkit.Catalog(), unknown_budgets="ignore"), budget("load") as inside:
        pass
    with budget("load") as outside:
        pass
    assert (inside.state, outside.state) == (State.NO_DATA, State.MET)


def test_override_puts_back_after_an_exception(catalog: Path) -> None:
    perfkit.configure(catalog)
    with pytest.raises(KeyError), perfkit.override(perfkit.Catalog()):
        raise KeyError
    with budget("load") as spent:
        pass
    assert spent.state is State.MET


def test_a_catalog_with_problems_is_refused_whole(catalog: Path) -> None:
    perfkit.configure(catalog)
    broken = catalog.with_name("broken.toml")
    broken.write_text('[budgets.load]\nduration = "3 parsecs"\ncolour = "red"\n')
    with pytest.raises(CatalogError) as caught:
        perfkit.configure(broken)
    assert len(caught.value.problems) == 2
    with budget("load") as spent:
        pass
    assert spent.state is State.MET


def test_without_configuration_a_broken_catalog_is_logged_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "perfkit.toml").write_text('[budgets.load]\nduration = "3 parsecs"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_VERSION")
    perfkit.reset()
    with caplog.at_level(logging.WARNING, "perfkit"), budget("load"):
        pass
    assert "the catalog is not used" in caplog.text
    assert "parsecs" in caplog.text


def test_under_pytest_a_broken_catalog_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "perfkit.toml").write_text('[budgets.load]\nduration = "3 parsecs"\n')
    monkeypatch.chdir(tmp_path)
    perfkit.reset()
    with pytest.raises(CatalogError):
        budget("load").__enter__()


def test_an_unknown_budget_is_warned_of_once_with_the_nearest_name(
    catalog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    perfkit.configure(catalog, unknown_budgets="warn")
    for _ in range(3):
        with budget("laod") as spent:
            pass
    assert spent.duration is not None
    (record,) = caplog.records
    assert "budget 'laod' is not in" in record.getMessage()
    assert "did you mean 'load'?" in record.getMessage()


def test_an_unknown_budget_is_an_error_under_pytest(catalog: Path) -> None:
    perfkit.configure(catalog)
    with pytest.raises(UnknownBudgetError, match=r"\[budgets.qwertyuiop\]"):
        budget("qwertyuiop").__enter__()


def test_a_name_with_limits_in_code_is_a_budget_of_its_own(catalog: Path) -> None:
    perfkit.configure(catalog)
    with budget("brand_new", duration="1min") as spent:
        pass
    assert spent.state is State.MET


def test_a_limit_in_code_replaces_the_catalogs_and_keeps_the_rest(
    catalog: Path, clock: FakeClock
) -> None:
    perfkit.configure(catalog, clock=clock)
    with capture_violations() as violations, budget("load", duration="1s"):
        clock.advance(2)
    (violation,) = violations
    assert (violation.limit.threshold, violation.budget.critical) == (1.0, True)
    assert violation.budget.category == "database"


def test_a_budgets_own_choice_of_sinks_counts(catalog: Path, clock: FakeClock) -> None:
    heard: list[perfkit.Violation] = []
    perfkit.configure(catalog, clock=clock, sinks=[heard.append])
    for name in ("load", "store"):
        with budget(name):
            clock.advance(5)
    assert [violation.budget.name for violation in heard] == ["load"]


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


def test_spans_of_a_budget_beat_its_category_and_that_beats_the_setting(tmp_path: Path) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text(
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
    perfkit.configure(path)
    spans = []
    for name in ("a", "b", "c"):
        with budget(name) as spent:
            pass
        spans.append(spent.verdicts[0].budget.spans)
    assert spans == ["violations", "never", "always"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"spans": "sometimes"},
            'spans: "sometimes" is not one of the choices',
        ),
        ({"unknown_budgets": "explode"}, 'unknown_budgets: "explode" is not one of the choices'),
        ({"telemetry": "carrier pigeon"}, "telemetry is 'carrier pigeon'"),
        ({"sinks": ["nowhere"]}, 'no sink is called "nowhere"; there are evidence, github, jsonl'),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        perfkit.configure(perfkit.Catalog(), **setting)  # type: ignore[arg-type]  # the mistakes under test


def test_a_sink_that_cannot_be_made_from_its_options_is_named_with_its_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text('[settings]\nsinks = ["file"]\n[sinks.file]\ntype = "jsonl"\ncolour = "red"\n')
    with pytest.raises(ConfigurationError, match=r"perfkit\.toml:5: sinks\.file\.colour: "):
        perfkit.configure(path)


def test_two_threads_that_configure_at_once_leave_one_whole_setting() -> None:
    def configure() -> None:
        for _ in range(50):
            perfkit.configure(perfkit.Catalog(), unknown_budgets="ignore")
            with budget("load") as spent:
                pass
            assert spent.duration is not None

    threads = [threading.Thread(target=configure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
