"""Secrets are redacted in the promised forms, in reports of failures, and nothing else is."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from collections.abc import Callable, Sequence
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.sinks.delivery.stats import DeliveryStats
from perfkit.sinks.redaction import (
    SHORTEST,
    Interpolated,
    Redactor,
    as_plain,
    parts_of,
    values_in,
)

SECRET = "p/a\"ss'w\\o<&rd \u00e9+=\n\U0001f511 end"  # noqa: S105 - it opens nothing

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON with more than ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "a path": quote,
    "a path without slashes": lambda text: quote(text, safe=""),
    "a query": quote_plus,
    "a query in small letters": lambda text: quote(text, safe="").lower(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 within more": lambda text: base64.b64encode(f"a{text}b".encode()).decode(),
    "base64 within still more": lambda text: base64.b64encode(f"ab{text}b".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_redacted_in_each_form(form: str) -> None:
    redacted = Redactor([SECRET])(f"<{FORMS[form](SECRET)}>")
    assert "***" in redacted
    assert len(redacted.replace("***", "")) <= len('<"123456">')


@given(st.text(min_size=SHORTEST), st.sampled_from(["as it is", "JSON", "a query"]))
def test_any_text_is_redacted_where_it_is_escaped(text: str, form: str) -> None:
    try:
        written = FORMS[form](text)
    except UnicodeEncodeError:  # a lone surrogate cannot be in a URL
        return
    assert "***" in Redactor([text])(written)


@given(st.text(st.characters(codec="utf-8"), min_size=6), st.binary(max_size=5), st.binary())
def test_any_text_is_masked_wherever_in_base64_it_is(
    text: str, before: bytes, after: bytes
) -> None:
    written = base64.b64encode(before + text.encode() + after).decode()
    assert "***" in Redactor([text])(written)


@given(st.text(), st.text())
def test_without_a_secret_a_text_stays_as_it_is(text: str, other: str) -> None:
    assert Redactor([])(text) == text
    assert Redactor([f"{other}-hunter2"])("all is well") == "all is well"


def test_a_short_text_is_not_a_secret() -> None:
    assert Redactor(["ab", "c", ""])("ab c abc /ab/") == "ab c abc /ab/"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Redactor(["hunter2", "hunter2-more"])("hunter2-more hunter2") == "*** ***"


def test_space_around_a_secret_does_not_hide_it() -> None:
    assert Redactor(["hunter2\n"])("is hunter2 it") == "is *** it"


# -- texts that know what of them is of a variable


def test_a_filled_text_is_a_text_that_knows_its_values() -> None:
    filled = Interpolated([("Bearer ", False), ("hunter2", True)])
    assert filled == "Bearer hunter2"
    assert values_in({"a": [filled, 5], "b": ("plain", None)}) == {"hunter2"}
    assert parts_of("plain") == (("plain", False),)
    for each in (copy.deepcopy(filled), pickle.loads(pickle.dumps(filled))):  # noqa: S301 - its own
        assert parts_of(each) == parts_of(filled)


def test_others_get_ordinary_texts() -> None:
    filled = Interpolated([("hunter2", True)])
    plain = as_plain({"a": [filled, 5], "b": ({"c": filled},)})
    assert plain == {"a": ["hunter2", 5], "b": [{"c": "hunter2"}]}
    assert type(plain["a"][0]) is type(plain["b"][0]["c"]) is str


# -- failures and destinations


class OwnError(ValueError):
    """An exception with an attribute beside its text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.address = text


def reported(*errors: Exception, secrets: Sequence[str] = ("hunter2",)) -> list[Exception]:
    """Return the exceptions that are reported of failures with `errors`."""
    found: list[Exception] = []
    stats = DeliveryStats("pager", lambda _, error: found.append(error))
    stats.redact(secrets)
    for error in errors:
        stats.fail(error)
    return found


def test_a_failure_is_reported_under_its_name_without_secrets() -> None:
    first, second, other = reported(
        OwnError("1 hunter2"), OwnError("2 hunter2"), KeyError("hunter2")
    )
    assert (str(first), str(second), str(other)) == ("1 ***", "2 ***", "'***'")
    assert type(first) is type(second) is not type(other)  # each kind is logged once
    assert (type(first).__name__, first.__dict__, first.__cause__) == ("OwnError", {}, None)


def test_a_failure_without_secrets_is_reported_as_it_is() -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    errors = OSError("hunter"), UnprintableError()
    assert reported(*errors) == [*errors]


def test_earlier_secrets_stay_redacted() -> None:
    """Configuring again makes new sinks, while violations of the old ones still fail."""
    found: list[Exception] = []
    stats = DeliveryStats("pager", lambda _, error: found.append(error))
    stats.redact(["hunter2"])
    stats.redact(["hunter3"])
    stats.report(OSError("hunter2 hunter3"))
    assert str(found[0]) == "*** ***"
