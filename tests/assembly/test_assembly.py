"""Sinks that other packages bring, and the order in which defaults are found."""

from __future__ import annotations

from pathlib import Path

import pytest

import perfkit
from perfkit import ConfigurationError, budget
from perfkit.testing import FakeClock

_MODULE = """
class PagerSink:
    heard = []

    def __init__(self, number="none"):
        self.number = number

    def emit(self, violation):
        self.heard.append((self.number, violation.budget.name))
"""


@pytest.fixture
def plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package that brings two sinks, one of which cannot be loaded."""
    (tmp_path / "acme_pager.py").write_text(_MODULE)
    info = tmp_path / "acme_pager-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[perfkit.sinks]\npager = acme_pager:PagerSink\nbroken = acme_pager:Missing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("plugged_in")
def test_a_sink_of_another_package_is_named_by_its_entry_point(clock: FakeClock) -> None:
    import acme_pager  # type: ignore[import-not-found]  # noqa: PLC0415 - made by the fixture

    perfkit.configure(perfkit.Catalog(), sinks=["pager"], clock=clock)
    with budget("load", duration="1s"):
        clock.advance(2)
    assert acme_pager.PagerSink.heard == [("none", "load")]


def test_its_options_stand_in_the_catalog(plugged_in: Path, clock: FakeClock) -> None:
    import acme_pager  # noqa: PLC0415 - made by the fixture

    acme_pager.PagerSink.heard.clear()
    path = plugged_in / "perfkit.toml"
    path.write_text(
        '[budgets.load]\nduration = "1s"\nsinks = ["oncall"]\n'
        '[sinks.oncall]\ntype = "pager"\nnumber = "112"\n'
    )
    perfkit.configure(path, clock=clock)
    with budget("load"):
        clock.advance(2)
    assert acme_pager.PagerSink.heard == [("112", "load")]


@pytest.mark.usefixtures("plugged_in")
def test_a_sink_that_cannot_be_loaded_is_named_with_its_package() -> None:
    with pytest.raises(ConfigurationError, match='"broken" of acme_pager:Missing cannot be loaded'):
        perfkit.configure(perfkit.Catalog(), sinks=["broken"])


def test_all_sinks_that_do_not_exist_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r'(?s)"first".*"second"'):
        perfkit.configure(perfkit.Catalog(), sinks=["first", "second"])


def test_settings_in_code_beat_those_of_the_catalog(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "perfkit.toml"
    path.write_text('[settings]\nenabled = false\n[budgets.load]\nduration = "1s"\n')
    measured = []
    for enabled in (None, True):
        perfkit.configure(path, enabled=enabled, clock=clock)
        with budget("load") as spent:
            pass
        measured.append(spent.duration is not None)
    assert measured == [False, True]


def test_all_that_is_wrong_with_sinks_is_logged_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "perfkit.toml").write_text('[settings]\nsinks = ["first", "sec\\nond"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_VERSION")
    perfkit.reset()
    with budget("load"):
        pass
    (record,) = [each for each in caplog.records if "the catalog is not used" in each.message]
    _, *problems = record.getMessage().splitlines()
    assert [problem.partition(";")[0].rpartition(": ")[2] for problem in problems] == [
        'no sink is called "first"',
        'no sink is called "sec\\nond"',
    ]
