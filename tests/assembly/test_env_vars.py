"""Environment variables take their places in the options of sinks, and are never told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.assembly.env_vars import VariableNotSetError, expand
from perfkit.errors import ConfigurationError
from perfkit.sinks.redaction import Redactor, parts_of


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    monkeypatch.setenv("NESTED", "${TOKEN} $$ $TOKEN")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("MISSING", raising=False)


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
    assert expand({"key": written}).options == {"key": expanded}


@given(st.text())
def test_a_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    text = text.replace("$", "")
    assert expand({"key": text}).options == {"key": text}


@given(st.text())
def test_with_its_dollars_doubled_any_text_comes_back(text: str) -> None:
    assert expand({"key": text.replace("$", "$$")}).options == {"key": text}


def test_it_tells_which_values_are_not_to_be_shown() -> None:
    assert expand({"a": "${TOKEN}", "b": ["${NESTED}"], "c": "plain"}).values == {
        "hunter2",
        "${TOKEN} $$ $TOKEN",
    }


def test_a_text_knows_what_of_it_is_of_a_variable() -> None:
    (text,) = expand({"a": "$$ {x} ${TOKEN}${EMPTY}!"}).options.values()
    assert parts_of(text) == (
        ("$", False),
        (" {x} ", False),
        ("hunter2", True),
        ("!", False),
    )
    assert type(expand({"a": "$$ {x}"}).options["a"]) is str


@pytest.mark.parametrize(
    ("text", "kind"),
    [("${MISSING}", VariableNotSetError), ("${MISSING} ${", ConfigurationError)],
)
def test_what_only_needs_a_variable_is_an_error_of_its_own(
    text: str, kind: type[Exception]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        expand({"a": text})
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
        ({"a\nb": "${MISSING}"}, "a\\nb: the environment variable MISSING is not set; set it"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_nothing_secret(
    options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        expand(options)
    assert str(caught.value).startswith(problem)
    assert "hunter2" not in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        expand({"a": "${MISSING} ${}", "b": "${TOKEN}", "c": "${MISSING_TOO}"})
    problems = str(caught.value).split("; ")
    assert sum("MISSING is not set" in each for each in problems) == 1
    assert sum("MISSING_TOO is not set" in each for each in problems) == 1
    assert "a: after ${" in str(caught.value)


def test_values_are_masked_also_as_they_are_written_in_code() -> None:
    values = ["hunter2", "line\nbreak", "hunter2-more", "ab"]
    text = "'hunter2' 'line\\nbreak' hunter2-more line\nbreak ab"
    assert Redactor(values)(text) == "'***' '***' *** *** ab"
