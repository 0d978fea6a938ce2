"""Titles become names, each its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.document.naming import snake_case, unique_names


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Speech-to-Text (1s audio)", "speech_to_text_1s_audio"),
        ("Disk I/O", "disk_io"),
        ("Read/Write", "read_write"),
        ("User's Session", "users_session"),
        ("  find_by_id ", "find_by_id"),
        ("Aufr\u00e4umen", "aufr\u00e4umen"),
        ("\u691c\u7d22", "\u691c\u7d22"),
        ("\N{ROCKET}", ""),
    ],
)
def test_snake_case(title: str, name: str) -> None:
    assert snake_case(title) == name


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        ([("Load", ["A"]), ("Store", ["A"])], ["load", "store"]),
        ([("Load", ["A"]), ("Load", ["B"])], ["a_load", "b_load"]),
        ([("Load", ["X", "A"]), ("Load", ["Y", "A"])], ["x_a_load", "y_a_load"]),
        ([("Load", ["A"]), ("Load", ["A"])], ["a_load", "a_load_2"]),
        ([("Load", []), ("Load", []), ("Load 2", [])], ["load", "load_3", "load_2"]),
        ([("1GB", ["Cache"])], ["cache_1gb"]),
        ([("1GB", [])], ["1gb"]),
        ([("\N{ROCKET}", ["Start"])], ["start"]),
        ([("\N{ROCKET}", []), ("!", [])], ["budget", "budget_2"]),
    ],
)
def test_each_row_has_a_name_of_its_own(
    titles: list[tuple[str, list[str]]], names: list[str]
) -> None:
    assert unique_names(titles) == names


@given(
    st.lists(
        st.tuples(st.text("ab1 !", max_size=3), st.lists(st.text("ab!", max_size=2), max_size=2))
    )
)
def test_names_are_unique_and_never_empty(titles: list[tuple[str, list[str]]]) -> None:
    names = unique_names(titles)

    assert len(set(names)) == len(titles)
    assert all(names)
