"""Environment variables take their places in the options of sinks, and are never told."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.assembly.env_vars import Expansion, VariableNotSetError
from perfkit.errors import ConfigurationError
from perfkit.sinks.redaction import parts_of
from tests.assembly.registries import shelf_of


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    monkeypatch.setenv("NESTED", "${TOKEN} $$ $TOKEN")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("MISSING", raising=False)


def expand(options: dict[str, Any]) -> dict[str, Any]:
    return Expansion(os.environ).expand(options)


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("${TOKEN}", "hunter2"),
        ("a ${TOKEN}${EMPTY} b", "a hunter2 b"),
        ("$$", "$"),
        ("$${TOKEN}", "${TOKEN}"),
        ("$$${TOKEN}", "$hunter2"),
        ("$TOKEN costs $5", "$TOKEN costs $5"),
        ("${NESTED}", "${TOKEN} $$ $TOKEN"),
        ("", ""),
        (5, 5),
        (True, True),
        (None, None),
        (["${TOKEN}", {"a": "${TOKEN}"}, 1], ["hunter2", {"a": "hunter2"}, 1]),
        ({"a": {"b": ["${TOKEN}"]}}, {"a": {"b": ["hunter2"]}}),
    ],
)
def test_variables_take_their_places(written: object, expanded: object) -> None:
    assert expand({"key": written}) == {"key": expanded}


@given(st.text())
def test_a_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    text = text.replace("$", "")
    assert expand({"key": text}) == {"key": text}


@given(st.text())
def test_with_its_dollars_doubled_any_text_comes_back(text: str) -> None:
    assert expand({"key": text.replace("$", "$$")}) == {"key": text}


def test_it_collects_the_secret_values() -> None:
    expansion = Expansion(os.environ)
    expansion.expand({"a": "${TOKEN}", "b": ["${NESTED}"], "c": "plain"})
    assert expansion.values == {"hunter2", "${TOKEN} $$ $TOKEN"}


def test_a_text_knows_what_of_it_is_of_a_variable() -> None:
    (text,) = expand({"a": "$$ {x} ${TOKEN}${EMPTY}!"}).values()
    assert parts_of(text) == (
        ("$", False),
        (" {x} ", False),
        ("hunter2", True),
        ("!", False),
    )
    assert type(expand({"a": "$$ {x}"})["a"]) is str


@pytest.mark.parametrize(
    ("text", "kind"),
    [("${MISSING}", VariableNotSetError), ("${MISSING} ${", ConfigurationError)],
)
def test_a_sink_that_only_lacks_a_variable_has_an_error_of_its_own(
    text: str, kind: type[Exception]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        shelf_of(f'[sinks.a]\ntype = "webhook"\nurl = "{text}"').find("a")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "${MISSING}"}, "url: the environment variable MISSING is not set; set it"),
        (
            {"headers": {"Authorization": "Bearer ${MISSING}"}},
            "headers.Authorization: the environment variable MISSING is not set; set it",
        ),
        ({"urls": ["a", "${MISSING}"]}, "urls[1]: the environment variable MISSING is not set"),
        ({"url": "${}"}, "url: after ${ there is no name of a variable and }; write ${NAME} or"),
        ({"url": "${hunter2 secret}"}, "url: after ${ there is no name of a variable and }; write"),
        ({"url": "${hunter2"}, "url: after ${ there is no name of a variable and }; write"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_nothing_secret(
    options: dict[str, Any], problem: str
) -> None:
    expansion = Expansion(os.environ)
    assert expansion.expand(options) == {}
    ((key, message),) = expansion.problems
    assert f"{key}: {message}".startswith(problem)
    assert "hunter2" not in message


def test_all_problems_are_collected() -> None:
    expansion = Expansion(os.environ)
    assert expansion.expand({"a": "${MISSING} ${}", "b": "${TOKEN}", "c": "${MISSING_TOO}"}) == {
        "b": "hunter2"
    }
    assert [key for key, _ in expansion.problems] == ["a", "a", "c"]
