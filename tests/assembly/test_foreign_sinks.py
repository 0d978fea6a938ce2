"""The options of a sink of another package are checked against its signature."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

import pytest

import perfkit
from perfkit import ConfigurationError, budget
from perfkit.assembly import resolving
from perfkit.assembly.resolving import SinkResolver, problems_of_sinks
from perfkit.assembly.sink_types import type_of_callable
from perfkit.catalog import Catalog, SinkDeclaration, parse_catalog
from perfkit.testing import FakeClock
from tests.assembly.registries import ending_of, problem_of, shelf_of


@pytest.mark.usefixtures("_plugged_in")
def test_a_sink_of_another_package_gets_its_options() -> None:
    registry = shelf_of(
        '[sinks.a]\ntype = "pager"\nnumber = 112\nregion = "us"\nmax_attempts = 1\n'
        '[sinks.b]\ntype = "any"\nneeded = 1\nother = 2'
    )
    assert (ending_of(registry, "a").number, ending_of(registry, "a").region) == (112, "us")
    assert ending_of(registry, "b").options == {"other": 2}


@pytest.mark.usefixtures("_plugged_in")
@pytest.mark.parametrize("number", ["none", "112"])
def test_a_sink_of_another_package_is_named_by_its_entry_point_and_has_options(
    number: str, tmp_path: Path, clock: FakeClock
) -> None:
    text = '[budgets.load]\nduration = "1s"\nsinks = ["echo"]\n'
    if number != "none":
        text += f'[sinks.echo]\ntype = "echo"\nnumber = "{number}"\n'
    (tmp_path / "perfkit.toml").write_text(text)
    perfkit.configure(tmp_path / "perfkit.toml", clock=clock)
    with budget("load"):
        clock.advance(2)
    perfkit.flush_sinks(5)
    assert sys.modules["acme_sinks"].heard == [(number, "load")]


@pytest.mark.usefixtures("_plugged_in")
@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            'type = "pager"\nregoin = "us"',
            ":3: sinks.a.regoin: unknown option; did you mean region?",
        ),
        ('type = "pager"', ":1: sinks.a: option number is missing; write number = ..."),
        ('type = "any"\nx = 1', ":1: sinks.a: option needed is missing; write needed = ..."),
        ('type = "nothing"', ":1: sinks.a: it made an object of type int, without emit"),
        ('type = "untold"\nx = 1', ":1: sinks.a: it made an object of type dict, without emit"),
    ],
)
def test_what_is_wrong_with_a_sink_of_another_package_is_told(lines: str, problem: str) -> None:
    assert f"perfkit.toml{problem}" in problem_of(f"[sinks.a]\n{lines}")


def check_options(make: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Resolve a sink that `make` of another package builds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolving, "find_type", lambda name: type_of_callable(name, make))
        declared = SinkDeclaration(name="a", type="other", options=options)
        SinkResolver(Catalog(sinks=(declared,)), variables=None).resolve("a")


def test_options_that_can_only_be_given_by_position_do_not_count() -> None:
    def positional(number: int = 1, /, region: str = "eu") -> None: ...

    check_options(positional, {"region": "us"})
    with pytest.raises(ConfigurationError, match="its own options are region"):
        check_options(positional, {"xyz": "us"})


def _taking(option: str, annotation: object) -> Callable[..., None]:
    """Return a callable with one option, which is annotated so."""

    def make(**_: Any) -> None: ...

    parameter = inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    make.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]  # any function may have one
    return make


WHOLE: list[object] = [
    int,
    Optional[int],  # noqa: UP045 - others write it so
    int | None,
    *("int", "'int'", "int | None", "None | int", "Optional[int]", "typing.Optional[int]"),
]


@pytest.mark.parametrize("value", ["three", 3.5, True, ["3"], {}])
@pytest.mark.parametrize("annotation", WHOLE, ids=str)
def test_a_whole_number_of_another_package_is_checked_however_it_is_annotated(
    annotation: object, value: Any
) -> None:
    make = _taking("limit", annotation)
    with pytest.raises(ConfigurationError) as caught:
        check_options(make, {"limit": value})
    assert str(caught.value).startswith('sink "a": limit: ')
    assert str(caught.value).endswith(" is not a whole number; write one, without quotes")
    check_options(make, {"limit": 3})


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "problem"),
    [
        (str, ["a"], [1, True, ["a"]], " is not text; write it in quotes"),
        (float, [1, 1.5], ["1", True], " is not a number; write one, without quotes"),
        (bool, [True], ["true", 1], " is neither true nor false; write true or false, no quotes"),
        ("float | None", [1], ["1"], " is not a number; write one, without quotes"),
        ("None | str", ["a"], [1], " is not text; write it in quotes"),
    ],
)
def test_plain_types_of_other_packages_are_checked(
    annotation: object, good: list[Any], bad: list[Any], problem: str
) -> None:
    make = _taking("x", annotation)
    for value in good:
        check_options(make, {"x": value})
    for value in bad:
        with pytest.raises(ConfigurationError, match=f"x: .*{problem}$"):
            check_options(make, {"x": value})


def test_what_cannot_be_known_of_another_package_is_left_to_it() -> None:
    class Limit(int):
        """A type of the package's own."""

    def make(own: Limit, listed: list[int], *, number: int = 1, **rest: int) -> None: ...

    options = {"own": "a", "listed": "b", "number": "${N}", "rest": "d", "more": "e"}
    check_options(make, options)


@pytest.mark.usefixtures("_plugged_in")
def test_types_and_options_of_other_packages_are_known_too() -> None:
    text = '[sinks.{0}]\ntype = "{0}"\n'
    (missing,) = problems_of_sinks(
        parse_catalog(text.format("pager") + "number = 1\n[settings]\nsinks = ['any']\n")
    )
    assert missing.startswith("perfkit.toml: settings.sinks: ")
    assert "option needed is missing" in missing
    (unknown,) = problems_of_sinks(
        parse_catalog(text.format("pager") + "number = 1\nregoin = 'eu'\n")
    )
    assert "sinks.pager.regoin: unknown option; did you mean region?" in unknown
    assert problems_of_sinks(parse_catalog(text.format("untold"))) == []


@pytest.mark.usefixtures("_plugged_in")
def test_a_package_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    (tmp_path / "acme_sinks.py").write_text("raise OSError('no such thing')")
    (problem,) = problems_of_sinks(parse_catalog('[sinks.pager]\ntype = "pager"\n'))
    assert 'perfkit.toml:2: sinks.pager.type: the sink "pager" of acme_sinks' in problem
    assert problem.endswith(" cannot be loaded: no such thing")
