"""What a variable holds goes to its sink, and is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from perfkit.catalog import parse_catalog
from perfkit.cli.group import command
from tests.assembly.shelves import ending_of, problem_of, shelf_of

SECRET = "https://hooks.example.com/T000/hunter2"  # noqa: S105 - it opens nothing
OLD_PYTHON = "ignore:'imghdr' is deprecated:DeprecationWarning"  # apprise itself uses it


@pytest.fixture
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)


@pytest.mark.usefixtures("_secret")
def test_variables_are_expanded_when_the_sink_is_made() -> None:
    pytest.importorskip("tenacity")
    shelf = shelf_of('[sinks.a]\ntype = "webhook"\nurl = "${HOOK}"')
    assert ending_of(shelf, "a").destination.startswith("https://hooks.example.com")


def test_a_variable_that_is_not_set_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    problem = problem_of('[sinks.a]\ntype = "webhook"\nurl = "${HOOK}"')
    assert problem == "perfkit.toml: sinks.a: url: the environment variable HOOK is not set; set it"


@pytest.mark.usefixtures("_plugged_in", "_secret")
@pytest.mark.parametrize("url", [SECRET, "${HOOK}"])
def test_what_a_sink_of_another_package_raises_is_not_shown(url: str) -> None:
    problem = problem_of(f'[sinks.a]\ntype = "refuse"\nurl = "{url}"')
    assert problem.startswith("perfkit.toml: sinks.a: making it raised ValueError; what that says")


@pytest.mark.usefixtures("_plugged_in", "_secret")
def test_what_a_variable_holds_is_masked_in_the_message_of_a_sink() -> None:
    problem = problem_of('[sinks.a]\ntype = "polite"\nurl = "${HOOK}"')
    assert problem == "perfkit.toml: sinks.a: cannot use '***'; write another"


@pytest.mark.parametrize(
    "url", ["ftp://hunter2.example/x", "https://[hunter2", "https://127.0.0.1/hunter2", "hunter2"]
)
@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
def test_an_address_that_is_refused_is_not_shown(kind: str, url: str) -> None:
    assert problem_of(f'[sinks.a]\ntype = "{kind}"\nurl = "{url}"').startswith("perfkit.toml: sin")


@pytest.mark.filterwarnings(OLD_PYTHON)
def test_an_address_to_notify_that_is_refused_is_not_shown() -> None:
    pytest.importorskip("apprise")
    problem_of('[sinks.a]\ntype = "notify"\nurls = ["nowhere://hunter2"]')


def test_a_catalog_shows_no_options(tmp_path: Path) -> None:
    text = f'[budgets.b]\nduration = "1s"\n[sinks.a]\ntype = "webhook"\nurl = "{SECRET}"\n'
    path = tmp_path / "perfkit.toml"
    path.write_text(text)
    catalog = parse_catalog(text)
    told = [repr(catalog), str(catalog), repr(catalog.sinks)]
    for arguments in (["list"], ["list", "--json"], ["check"]):
        result = CliRunner().invoke(command, ["catalog", *arguments, str(path)])
        assert result.exit_code == 0
        told.append(result.output)
    assert not any("hunter2" in each for each in told)
