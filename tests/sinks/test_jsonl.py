"""JSON Lines: whole lines only, whoever writes, rotates, removes, kills or fills up the disk."""

from __future__ import annotations

import math
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import ConfigurationError
from perfkit.model import CodeLocation, Evidence
from perfkit.sinks import JsonLinesSink, as_record
from tests.sinks.jsonl_lines import named, names_in, strictly
from tests.sinks.violations import make_violation

# -- lines


def test_each_violation_is_a_line_that_says_everything(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "violations.jsonl"
    violations = [make_violation(), make_violation(evidence=(Evidence(kind="cpu"),))]
    for violation in violations:
        JsonLinesSink(path).emit(violation)
    lines = path.read_text("utf-8").splitlines()
    assert [strictly(line) for line in lines] == [as_record(each) for each in violations]


def test_a_batch_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda *it: written.append(len(it[1])) or real(*it))
    JsonLinesSink(tmp_path / "v.jsonl").emit_many([named("a"), named("b"), named("c")])
    assert written == [(tmp_path / "v.jsonl").stat().st_size]
    assert names_in(tmp_path / "v.jsonl") == ["a", "b", "c"]


def test_what_json_does_not_know_is_text(tmp_path: Path) -> None:
    row = {"file": Path("app.py"), (1, 2): 3, "seconds": [math.inf, -math.inf, math.nan, 0.5]}
    evidence = Evidence(kind="cpu", rows=(row,))
    JsonLinesSink(tmp_path / "v.jsonl").emit(make_violation(value=math.inf, evidence=(evidence,)))
    record = strictly((tmp_path / "v.jsonl").read_text("utf-8"))
    assert record["value"] == "Infinity"
    assert record["evidence"][0]["rows"] == [
        {"file": "app.py", "(1, 2)": 3, "seconds": ["Infinity", "-Infinity", "NaN", 0.5]}
    ]


@given(name=st.text(), place=st.text())
def test_any_text_comes_back_and_stays_in_its_line(
    name: str, place: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "v.jsonl"
    where = CodeLocation(function=name, file=place)
    JsonLinesSink(path).emit_many([make_violation(where=where), named("next")])
    first, second = path.read_bytes().decode("utf-8").splitlines()
    record = strictly(first)
    assert (record["function"], record["file"]) == (name, place)
    assert strictly(second)["budget"] == "next"


@pytest.mark.parametrize(
    "character",
    list("\u202e\u2066\u200b\ufeff\xad\U000e0041\x7f\x9b\u2029\ud800"),
    ids=ascii,
)
def test_a_line_in_a_terminal_is_what_it_says(tmp_path: Path, character: str) -> None:
    """What turns letters around or cannot be seen is escaped, and comes back as it was."""
    name = f"pay{character}\u6e2c load"
    JsonLinesSink(tmp_path / "v.jsonl").emit(named(name))
    line = (tmp_path / "v.jsonl").read_bytes().decode("utf-8").removesuffix("\n")
    assert line.isprintable()
    assert "\u6e2c" in line
    assert strictly(line)["budget"] == name


# -- what is at the end of the file


@pytest.mark.parametrize(
    "torn",
    [b"{", b'{"time": "2023', b"{" + b"x" * (2**20 - 2), b"\0" * 10, b'{"budget": "\xc3'],
    ids=range(5),
)
@pytest.mark.parametrize("before", [[], ["before"]])
def test_a_torn_line_is_taken_off(tmp_path: Path, before: list[str], torn: bytes) -> None:
    path = tmp_path / "v.jsonl"
    JsonLinesSink(path).emit_many([named(name) for name in before])
    with path.open("ab") as file:
        file.write(torn)
    JsonLinesSink(path).emit(named("after"))
    assert names_in(path) == [*before, "after"]


@pytest.mark.parametrize(
    "text", ['{"budget": "whole"}', "precious", '{"a":' * 100_000], ids=["JSON", "text", "deep"]
)
def test_other_text_without_its_line_end_gets_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(text)
    JsonLinesSink(path).emit(named("after"))
    first, second = path.read_text("utf-8").splitlines()
    assert first == text
    assert strictly(second)["budget"] == "after"


def _peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("start", [b"", b"{"], ids=["zeros", "half a line"])
def test_a_last_line_that_is_very_long_is_ended_and_not_read(tmp_path: Path, start: bytes) -> None:
    """It is longer than any of perfkit's own, so that it is not perfkit's to take off."""
    path = tmp_path / "v.jsonl"
    path.write_bytes(start)
    os.truncate(path, 64 * 2**20)
    sink = JsonLinesSink(path)
    assert _peak_of(lambda: sink.emit(named("after"))) < 8 * 2**20
    with path.open("rb") as file:
        assert file.read(len(start) + 1) == start + b"\0"
        file.seek(64 * 2**20 - 1)
        assert file.read(2) == b"\0\n"
        assert strictly(file.read().decode())["budget"] == "after"
    sink.emit(named("more"))
    assert path.read_bytes().count(b"\n") == 3


# -- rotation


def test_a_torn_line_does_not_go_with_the_file_that_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    JsonLinesSink(path).emit(named("before"))
    with path.open("ab") as file:
        file.write(b'{"time"')
    JsonLinesSink(path, max_bytes=1).emit_many([named("after"), named("more")])
    assert names_in(tmp_path / "v.jsonl.1") == ["before"]
    assert names_in(path) == ["after", "more"]  # a batch is not split


def test_a_file_that_is_full_is_renamed_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    sink = JsonLinesSink(path, max_bytes=1, keep=2)
    for name in "abcde":
        sink.emit(named(name))
    found = {each.name: names_in(each) for each in tmp_path.iterdir()}
    assert found == {"v.jsonl": ["e"], "v.jsonl.1": ["d"], "v.jsonl.2": ["c"]}


def test_a_file_does_not_get_larger_than_it_may(tmp_path: Path) -> None:
    sink = JsonLinesSink(tmp_path / "v.jsonl", max_bytes=2000, keep=100)
    for number in range(20):
        sink.emit(named(str(number)))
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) > 5
    assert max(sizes) <= 2000
    assert sorted(int(it) for path in tmp_path.iterdir() for it in names_in(path)) == list(
        range(20)
    )


def test_after_a_rotation_that_was_killed_no_file_has_to_go(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    for suffix in ("", ".1", ".3"):  # .2 has become .3, and there it ended
        JsonLinesSink(f"{path}{suffix}").emit(named(f"was{suffix}"))
    JsonLinesSink(path, max_bytes=1, keep=3).emit(named("new"))
    found = {each.name[len(path.name) :]: names_in(each) for each in tmp_path.iterdir()}
    assert found == {"": ["new"], ".1": ["was"], ".2": ["was.1"], ".3": ["was.3"]}


def test_where_the_path_is_a_link_what_it_leads_to_is_renamed(tmp_path: Path) -> None:
    """As with other programs that rotate: the link is the operator's, and stays."""
    folder = tmp_path / "disk"
    folder.mkdir()
    link = tmp_path / "v.jsonl"
    link.symlink_to("middle")
    (tmp_path / "middle").symlink_to(folder / "real.jsonl")
    sink = JsonLinesSink(link, max_bytes=1, keep=2)
    for name in "abcd":
        sink.emit(named(name))
    assert link.is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["disk", "middle", "v.jsonl"]
    found = {each.name: names_in(each) for each in folder.iterdir()}
    assert found == {"real.jsonl": ["d"], "real.jsonl.1": ["c"], "real.jsonl.2": ["b"]}


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"max_bytes": 0}, "at least 1"),
        ({"keep": 0}, "at least 1"),
        ({"max_bytes": "20MB"}, "write 20_000_000 for 20 MB"),
        ({"max_bytes": 1.5}, "a whole number"),
        ({"max_bytes": True}, "a whole number"),
        ({"keep": "5"}, "write 5 for"),
        ({"keep": None}, "write 5 for"),
        ({"fsync": "no"}, "write True or False"),
        ({"path": 5}, "write a path such as"),
        ({"path": ""}, "write a path such as"),
        ({"path": b"v.jsonl"}, "write a path such as"),
        ({"path": "a\0b"}, "write a path such as"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice) as caught:
        JsonLinesSink(**{"path": "v.jsonl", **options})
    assert str(caught.value).startswith(next(iter(options)))
    assert str(caught.value).isprintable()
