"""A text is found that several globs match, wherever there is one."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from perfkit.sink_test.matching_text import text_matching


@pytest.mark.parametrize(
    "globs",
    [
        ["*"],
        ["[ab]*"],
        ["[!a-z]"],
        ["[]]x", "*"],
        ["[!]]", "?"],
        ["[!a-z]", "[!A-Z]", "[!_-]"],
        ["data*", "*base"],
        ["a*b*c", "*bb*", "a?*"],
        ["x[0-9][0-9]", "*7*"],
        ["[é-ü]*", "*ö"],
        ["[", "?"],
        [""],
        ["*", ""],
    ],
    ids=str,
)
def test_a_text_that_all_match_is_found(globs: list[str]) -> None:
    text = text_matching(globs, "usual")
    assert text is not None
    assert all(fnmatchcase(text, glob) for glob in globs)


@pytest.mark.parametrize("globs", [["a*", "b*"], ["?", "??"], ["", "?*"], ["*a", "*b"]], ids=str)
def test_there_is_none_where_they_exclude_each_other(globs: list[str]) -> None:
    assert text_matching(globs, "usual") is None


def test_the_usual_text_is_kept_where_they_match_it() -> None:
    assert text_matching([], "usual") == "usual"
    assert text_matching(["u*", "*"], "usual") == "usual"


def test_a_glob_by_itself_gives_a_text_that_can_be_read() -> None:
    assert text_matching(["data*"], "usual") == "datatest"


def test_many_stars_do_not_take_for_ever() -> None:
    """So that whoever wrote them is told, and does not wait."""
    for times in (40, 4000):
        assert text_matching([f"{'*a' * times}c", f"{'*b' * times}d"], "usual") is None
