"""A secret is found in whatever form somebody quotes it, and nothing else is touched."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.sinks.redaction.redactor import (
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
    "repr": repr,
    "repr beside quotes": lambda text: repr(f"'\"{text}"),
    "ascii": ascii,
    "JSON": json.dumps,
    "JSON with more than ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"body": text})),
    "a path": quote,
    "a query": quote_plus,
    "a query twice": lambda text: quote(quote(text, safe=""), safe=""),
    "a query in small letters": lambda text: quote(text, safe="").lower(),
    "HTML": html.escape,
    "HTML by numbers": lambda text: "".join(
        each if each.isascii() and each.isalnum() else f"&#{ord(each)};" for each in text
    ),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 within more": lambda text: base64.b64encode(f"a{text}b".encode()).decode(),
    "base64 within still more": lambda text: base64.b64encode(f"ab{text}b".encode()).decode(),
    "bytes of another encoding": lambda text: text.encode().decode("latin-1"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: str) -> None:
    written = FORMS[form](SECRET)
    masked = Redactor([SECRET])(f"<{written}>")
    assert "***" in masked
    assert "end" not in masked.lower()
    assert len(masked.replace("***", "")) <= len('<"{\\"body\\": \\"\\"}">')


@settings(deadline=None)
@given(
    st.text(min_size=SHORTEST), st.sampled_from(["as it is", "repr", "ascii", "JSON", "a query"])
)
def test_any_text_is_masked_where_it_is_escaped(text: str, form: str) -> None:
    try:
        written = FORMS[form](text)
    except UnicodeEncodeError:  # a lone surrogate has no place in a URL
        return
    assert "***" in Redactor([text])(written)


@settings(deadline=None)
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


def test_a_short_text_is_no_secret_unless_it_is_asked_for() -> None:
    assert Redactor(["ab", "c", ""])("ab c abc /ab/") == "ab c abc /ab/"
    assert Redactor(["ab", "c", ""], heeds_short=True)("ab c abc /ab/ c4") == "*** *** abc /***/ c4"
    assert not Redactor(["ab", ""])


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Redactor(["hunter2", "hunter2-more"])("hunter2-more hunter2") == "*** ***"


def test_space_around_a_secret_does_not_hide_it() -> None:
    assert Redactor(["hunter2\n"])("is hunter2 it") == "is *** it"


def test_many_backslashes_take_no_time() -> None:
    assert Redactor(["\\" * 50 + "x"])("\\" * 60_000) == "\\" * 60_000


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
