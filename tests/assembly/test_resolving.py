"""What a catalog says of the sinks of other packages is held against these packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfkit.assembly.resolving import problems_of_sinks
from perfkit.catalog import parse_catalog


def problems_in(text: str) -> list[str]:
    """Return what is wrong."""
    return problems_of_sinks(parse_catalog(text))


@pytest.mark.usefixtures("_plugged_in")
def test_types_and_options_of_other_packages_are_known_too() -> None:
    text = '[sinks.{0}]\ntype = "{0}"\n'
    (missing,) = problems_in(text.format("pager") + "number = 1\n[settings]\nsinks = ['any']\n")
    assert missing.startswith("perfkit.toml: settings.sinks: ")
    assert "option needed is missing" in missing
    (unknown,) = problems_in(text.format("pager") + "number = 1\nregoin = 'eu'\n")
    assert "sinks.pager.regoin: unknown option; did you mean region?" in unknown
    assert problems_in(text.format("untold")) == []


@pytest.mark.usefixtures("_plugged_in")
def test_a_package_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    (tmp_path / "acme_sinks.py").write_text("raise OSError('no such thing')")
    (problem,) = problems_in('[sinks.pager]\ntype = "pager"\n')
    assert 'perfkit.toml:2: sinks.pager.type: the sink "pager" of acme_sinks' in problem
    assert problem.endswith(" cannot be loaded: no such thing")
