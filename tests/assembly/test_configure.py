"""Settings come from code, then environment variables, then the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import perfkit
from perfkit import Catalog, ConfigurationError
from perfkit.catalog import CatalogSettings
from perfkit.model import Violation
from perfkit.runtime import settings
from perfkit.testing import FakeClock


def break_a_budget(clock: FakeClock) -> None:
    with perfkit.budget("work", duration="1s"):
        clock.advance(2)


# -- environment variables


def test_a_variable_names_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.toml"
    path.write_text('[budgets.load]\nduration = "1s"')
    monkeypatch.setenv("PERFKIT_CATALOG", str(path))
    perfkit.configure()
    assert settings.current().catalog.source == str(path)


@pytest.mark.parametrize(
    ("variable", "argument", "enabled"),
    [
        ("0", None, False),
        ("False", None, False),
        ("1", None, True),
        ("0", True, True),
        ("", None, False),
    ],
)
def test_a_variable_turns_measuring_off_and_an_argument_replaces_it(
    variable: str, argument: Any, enabled: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFKIT_ENABLED", variable)
    perfkit.configure(Catalog(settings=CatalogSettings(enabled=False)), enabled=argument)
    assert settings.current().is_enabled is enabled


def test_a_variable_that_is_neither_true_nor_false_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PERFKIT_ENABLED", "maybe")
    with pytest.raises(ConfigurationError, match="PERFKIT_ENABLED is neither true nor false"):
        perfkit.configure(Catalog())


def test_a_variable_names_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(settings=CatalogSettings(environment="staging"))
    monkeypatch.setenv("PERFKIT_ENVIRONMENT", "production")
    perfkit.configure(catalog)
    assert settings.current().environment == "production"
    perfkit.configure(catalog, environment="test")
    assert settings.current().environment == "test"


# -- arguments


def test_all_wrong_settings_in_code_are_reported_at_once() -> None:
    wrong: dict[str, Any] = {
        "spans": "x",
        "max_overhead": 0,
        "monitor": 5,
        "monitor_interval": "0s",
    }
    with pytest.raises(ConfigurationError) as caught:
        perfkit.configure(Catalog(), **wrong)
    assert {line.partition(":")[0] for line in str(caught.value).splitlines()} == set(wrong)


def test_all_that_is_wrong_with_sinks_is_logged_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "perfkit.toml").write_text('[settings]\nsinks = ["first", "sec\\nond"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_VERSION")
    perfkit.reset()
    with perfkit.budget("load"):
        pass
    (record,) = [each for each in caplog.records if "the catalog is not used" in each.message]
    _, *problems = record.getMessage().splitlines()
    assert [problem.partition(";")[0].rpartition(": ")[2] for problem in problems] == [
        'no sink is called "first"',
        'no sink is called "sec\\nond"',
    ]


def test_one_sink_needs_no_list(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    received: list[Violation] = []
    perfkit.configure(Catalog(), sinks=received.append, clock=clock)
    break_a_budget(clock)
    assert len(received) == 1
    perfkit.configure(Catalog(), sinks="log", clock=clock)
    break_a_budget(clock)
    assert "work" in caplog.text


# -- set_enabled


def test_measuring_can_be_turned_off_and_on_for_good_or_in_a_block(clock: FakeClock) -> None:
    received: list[Violation] = []
    perfkit.configure(Catalog(), sinks=received.append, clock=clock)
    perfkit.set_enabled(False)
    break_a_budget(clock)
    perfkit.set_enabled(True)
    with perfkit.set_enabled(False):
        break_a_budget(clock)
    assert received == []
    break_a_budget(clock)
    assert len(received) == 1


def test_settings_that_a_block_makes_stay() -> None:
    perfkit.configure(Catalog())
    with perfkit.set_enabled(False):
        perfkit.configure(Catalog(), environment="new", enabled=False)
    assert not settings.current().is_enabled
    assert settings.current().environment == "new"


def test_a_state_that_is_not_a_flag_is_an_error() -> None:
    wrong: Any = "no"
    with pytest.raises(ConfigurationError, match="enabled is 'no'"):
        perfkit.set_enabled(wrong)
