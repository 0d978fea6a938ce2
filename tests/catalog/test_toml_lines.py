"""Every key of a TOML text is found on its line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.catalog.toml_positions import MAX_DEPTH, locate

# Each value is the number of the line it stands on.
SAMPLE = '''\
# a comment with "quotes and [brackets
top = 2
"quoted key" = 3
'literal.key' = 4
dotted.a . "b.c" = 5

[table]   # [not.a.table]
key = 8
text = """
[fake.table]
fake = 1
\\\""" still text """
after = 13
literal = \'\'\'
'fake = 1
\'\'\'\'
more = 17
when = 1979-05-27 07:32:00  # a date with a space in it
again = 19
array = [
    21,  # comment, with ] and [
    22, [22],
    { x = 23, y = { z = 23 } },
    "a, ] } \\" b", 24,
]

[ table . "sub" . deep ]
key = 28

[[items]]
key = 31

  [[items.inner]]
  key = 34

  [[items.inner]]
  key = 37

[[items]]
sub.key = 40
[items.table]
key = 42
[empty]
nothing = []
less = {}
last = 46
'''


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """All paths of a parsed text with their values."""
    if path:
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from leaves(item, (*path, key))
        else:
            yield (*path, key), item


def test_keys_stand_where_they_stand() -> None:
    located = locate(SAMPLE)

    for path, value in leaves(tomllib.loads(SAMPLE)):
        assert path in located.lines
        if isinstance(value, int):
            assert (path, located.lines[path]) == (path, value)


def test_a_sound_text_repeats_nothing() -> None:
    assert locate(SAMPLE).repeats == ()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("table",), 7),
        (("table", "text"), 9),
        (("table", "array"), 20),
        (("items", 1), 39),
        (("items", 0, "inner", 1), 36),
    ],
)
def test_tables_and_long_values_stand_where_they_begin(path: tuple[str | int], line: int) -> None:
    assert locate(SAMPLE).line_of(path) == line


def test_what_is_not_there_has_the_line_of_what_is_around_it() -> None:
    located = locate(SAMPLE)

    assert located.line_of(("table", "array", 3, "missing")) == 23
    assert located.line_of(("missing", "key")) == 1


KEYS = st.sampled_from(["a", "b-1", '"q u"', "'l.i'", '"e\\u0041"', "42"])
SPACES = st.sampled_from(["", " ", "\t"])
FILLS = st.sampled_from(["\n", "# x = [1]\n", "\n\n", " \t\n"])


def value_on(draw: st.DrawFn, text: str, depth: int) -> str:
    """A value in which every number is the number of its line, to stand behind `text`."""
    kind = draw(st.sampled_from(["number", "array", "table"])) if depth else "number"
    if kind == "number":
        return f"{text}{text.count(chr(10)) + 1}"
    is_array = kind == "array"
    text += "[" if is_array else "{ "
    for index in range(draw(st.integers(0, 3))):
        text += ", " if index else ""
        text += draw(FILLS) if is_array and draw(st.booleans()) else ""
        text += "" if is_array else f"k{index}{draw(SPACES)}={draw(SPACES)}"
        text = value_on(draw, text, depth - 1)
    return text + ("]" if is_array else " }")


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A TOML text in which every number is the number of its line."""
    text = ""
    for number in range(draw(st.integers(1, 5))):
        text += "".join(draw(st.lists(FILLS, max_size=2)))
        name = f"t{number}.{draw(KEYS)}"
        text += draw(
            st.sampled_from([f"[{name}]\n", f"[[ {name} ]]\n", f"[[all]]\n[all.{name}]\n"])
        )
        keys = draw(st.lists(KEYS, max_size=3, unique=True))
        for key in keys:
            text += f"{draw(SPACES)}{key}{draw(SPACES)}={draw(SPACES)}"
            text = value_on(draw, text, 3) + draw(SPACES) + draw(FILLS)
    return text


@given(documents())
def test_any_sound_text_is_located(text: str) -> None:
    located = locate(text)

    for path, value in leaves(tomllib.loads(text)):
        assert path in located.lines
        if isinstance(value, int):
            assert (path, located.lines[path]) == (path, value)
    assert located.repeats == ()


@given(st.text(alphabet="ab.=[]{}\"'#,\n\\ 1", max_size=80))
def test_any_text_is_scanned_to_an_end(text: str) -> None:
    located = locate(text)

    assert all(1 <= line <= text.count("\n") + 1 for line in located.lines.values())
    try:
        data = tomllib.loads(text)
    except ValueError:
        return
    assert {path for path, _ in leaves(data)} <= set(located.lines)
    assert located.repeats == ()


def test_repeated_tables_and_keys_are_found() -> None:
    located = locate("[a]\nx = 1\nx = 2\n[b]\n[a]\nx = 3\n")

    assert [(each.path, each.line, each.first_line) for each in located.repeats] == [
        (("a", "x"), 3, 2),
        (("a",), 5, 1),
    ]


def test_a_key_with_a_wrong_escape_is_located_as_it_is_written() -> None:
    assert locate('\n"\\q" = 1').lines == {('"\\q"',): 2}


@pytest.mark.parametrize("text", ["a = " + "[" * 40, "a = " + "{b=" * 40, "a" + ".a" * 40 + " = 1"])
def test_too_deep_nesting_is_found_on_its_line(text: str) -> None:
    assert locate(f"\n\n{text}").too_deep == 3


def test_the_deepest_nesting_is_fine() -> None:
    assert locate("a = " + "[" * MAX_DEPTH + "]" * MAX_DEPTH).too_deep is None
