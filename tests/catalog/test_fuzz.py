"""Whatever stands in a file, there comes a catalog or a list of problems, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfkit.catalog import Catalog, dump_catalog, load_catalog, parse_catalog
from perfkit.document import import_markdown
from perfkit.errors import CatalogError

DOCUMENTS = Path(__file__).parents[1] / "document" / "documents"
DOCUMENT = (DOCUMENTS / "service_levels.md").read_text("utf-8")
CATALOG = dump_catalog(import_markdown(DOCUMENT, "doc.md").catalog) + (
    '[budgets.whole]\nobjective = { ratio = "99.9%", period = "30d" }\nevidence = ["cpu"]\n'
    '[settings]\nspans = "always"\nmonitor = ["whole"]\nmax_overhead = "1%"\n'
    '[[routes]]\nwhen = { severity = ">= info" }\nsinks = ["log"]\n'
    '[sinks.log]\ntype = "log"\n'
)
PIECES = [
    *("[", "]", "{", "}", "=", '"', "'", '"""', "\n", "#", ",", ".", "\\", "\0", "\x7f", "\ufeff"),
    *("[[a]]\n", "a = 1\n", "target", "1e999s", "99999999999999999999", "nan", "-5ms", "\u2028"),
    *("|", "|-|\n", "```\n", "# ", "<table>", "p99.9", "<", ">=", "100%", "/", "1979-05-27"),
]
SHAPE = re.compile(r"[^\n]+:\d+: [^\n]+: [^\n]+; [^\n]+")


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """The text with a few pieces cut out, doubled, moved or put in."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        new = draw(st.sampled_from(["", text[start:end] * 2, *PIECES]) | st.text(max_size=3))
        text = text[:start] + new + text[end:]
    return text


def catalog_or_problems(make: Callable[[], Catalog]) -> Catalog | tuple[str, ...]:
    """What comes of it: a catalog, or what is wrong."""
    try:
        return make()
    except CatalogError as error:
        return error.problems


def check(outcome: Catalog | tuple[str, ...]) -> None:
    """Fail unless it is a catalog that can be written and loaded, or proper problems."""
    if isinstance(outcome, Catalog):
        assert parse_catalog(dump_catalog(outcome), outcome.source) == outcome
    else:
        assert outcome
        assert [problem for problem in outcome if not SHAPE.fullmatch(problem)] == []


@given(mutated(CATALOG))
@settings(max_examples=200)
def test_a_mutated_catalog_loads_or_is_told_apart(text: str) -> None:
    check(catalog_or_problems(lambda: parse_catalog(text)))


@given(mutated(DOCUMENT))
@settings(max_examples=100)
def test_a_mutated_document_gives_a_good_catalog_or_is_told_apart(text: str) -> None:
    check(catalog_or_problems(lambda: import_markdown(text, "doc.md").catalog))


@given(st.text("|-:\n 1mMs<>%/.,x#`\\", max_size=120))
@example("|1|\n|-|\n|1|")
@settings(max_examples=100)
def test_any_text_is_imported_or_told_apart(text: str) -> None:
    check(catalog_or_problems(lambda: import_markdown(text, "doc.md").catalog))


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"a = '\xed\xa0\x80'")
@settings(max_examples=100)
def test_any_bytes_load_or_are_told_apart(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.toml"
    path.write_bytes(data)

    check(catalog_or_problems(lambda: load_catalog(path)))
