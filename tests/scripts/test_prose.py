"""`scripts/prose.py` counts the marks of the prose."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import prose

CLEAN = '"""Parse a limit."""\n# A race: the thread may have ended.\n'


@pytest.mark.parametrize(
    ("source", "places"),
    [
        pytest.param('"""Return what is new."""\n', ["f.py:1"], id="module"),
        pytest.param('class A:\n    """What it is."""\n', ["f.py:2"], id="class, capital"),
        pytest.param(
            'async def f():\n    """Do\n    what\n    must be."""\n', ["f.py:2"], id="wrap"
        ),
        pytest.param('"""Return it. And what follows."""\n', [], id="second sentence"),
        pytest.param('"""Return it.\n\nFrom what is there."""\n', [], id="second paragraph"),
        pytest.param('"""Return it whatever."""\n', [], id="other word"),
        pytest.param('x = "what"\n', [], id="string"),
    ],
)
def test_summaries_with_what(source: str, places: list[str]) -> None:
    found = prose.count(source, "f.py").what

    assert [place.split(": ")[0] for place in found] == places


@pytest.mark.parametrize(
    ("source", "markers"),
    [
        pytest.param('"""Tell it.\n\nIt HELD."""\n', ["1: Tell", "3: HELD"], id="docstring"),
        pytest.param("x = 1  # stands here\n", ["1: stands"], id="comment"),
        pytest.param(
            '"""It is no sink, and there are no more."""\n', ["1: is no", "1: are no"], id="no"
        ),
        pytest.param('"""It is no longer open."""\n', [], id="no longer"),
        pytest.param('"""Use `hold` and ``say\nwhat``.\n\nSay."""\n', ["4: Say"], id="code"),
        pytest.param("x = 1  # noqa: E501 - as told\n", [], id="pragma"),
        pytest.param('x = "tell"  # a threshold, a handle\n', [], id="string, longer words"),
    ],
)
def test_markers(source: str, markers: list[str]) -> None:
    found = prose.count(source, "f.py").markers

    assert [": ".join(place[len("f.py:") :].split(": ")[:2]) for place in found] == markers


def test_words_are_those_of_docstrings_and_comments() -> None:
    source = '"""One two `code` three."""\nx = "no words"  # four\n# five, 6\n'

    assert prose.count(source, "f.py").words == 5


def test_whole_line_comments() -> None:
    source = (
        '# one\nx = 1  # beside\n    # two\n# noqa: X\n# type: ignore\ny = """\n# text\n"""\n\n'
    )
    counted = prose.count(source, "f.py")

    assert (counted.comments, counted.lines) == (2, 9)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (CLEAN, ""),
        (CLEAN + 'def f():\n    """Do what is new."""\n', "50.0 % of docstring summaries contain"),
        (CLEAN + "# It tells it.\n", "76.9 marker words in 1,000"),
        ('"""Parse a limit."""\n' + "\n" * 99, "0.00 % of lines are comments"),
    ],
)
def test_a_violated_bound_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, message: str
) -> None:
    (tmp_path / "f.py").write_text(source)

    assert prose.main([str(tmp_path)]) == bool(message)
    assert message in capsys.readouterr().err


def test_places_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.py"
    path.write_text(CLEAN + "# It tells it.\n")
    prose.main([str(tmp_path), "--places", "--rooms"])

    assert f"{path}:3: tells: It tells it.\n" in capsys.readouterr().out
