"""The page on delivery explains every reason for which a violation may not arrive, and no other."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import perfkit
from perfkit import DeliveryError
from perfkit.sinks import JsonLinesSink
from tests.architecture.page_blocks import rows_of

ROOT: Final = Path(__file__).parents[2]
DELIVERY: Final = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
CALLS: Final = [
    node
    for file in sorted((ROOT / "src" / "perfkit").glob("**/*.py"))
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    if isinstance(node, ast.Call)
]
USUAL: Final = inspect.signature(DeliveryError).parameters["reason"].default


def texts_given_to(method: str) -> Iterator[str]:
    """Yield each literal text that some call of a method of that name has as an argument."""
    for call in CALLS:
        if (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == method
            and ast.unparse(call.func.value) != "internal_errors"
        ):
            yield from filter(None, map(text_of, call.args))


def reasons_of_failures() -> Iterator[str]:
    """Yield each literal reason of a `DeliveryError`."""
    for call in CALLS:
        if isinstance(call.func, ast.Name) and call.func.id == DeliveryError.__name__:
            given = (each.value for each in call.keywords if each.arg == "reason")
            yield from filter(None, map(text_of, given))


def text_of(node: ast.expr) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return ast.literal_eval(node) if is_text else None


REASONS: Final = {
    "suppressed as": {*texts_given_to("suppress"), *texts_given_to("_hold")},
    "dropped as": {USUAL, *texts_given_to("drop"), *reasons_of_failures()},
}


@pytest.mark.parametrize("header", REASONS)
def test_every_reason_of_the_code_has_one_row_and_nothing_else_has_one(header: str) -> None:
    named = [row[0].strip("`") for row in rows_of(DELIVERY, header)]

    assert sorted(named) == sorted(REASONS[header])


@pytest.mark.parametrize("header", REASONS)
def test_each_reason_says_what_happened_and_what_to_do(header: str) -> None:
    assert [row for row in rows_of(DELIVERY, header) if len(row) != 3 or not all(row)] == []


def test_the_reasons_are_found_in_the_code() -> None:
    """Those of three ways to give one: an argument, a keyword, and the usual one."""
    assert {"queue full", "circuit open", "failed"} <= REASONS["dropped as"]
    assert {"filter", "cooldown"} <= REASONS["suppressed as"]


def raised(sink: str) -> int:
    return sum(totals.raised for totals in perfkit.sink_stats() if totals.sink == sink)


def test_two_lambdas_share_an_account_and_a_class_of_its_own_has_one(tmp_path: Path) -> None:
    class FileOfThePage(JsonLinesSink):
        pass

    before = raised("<lambda>")
    sinks = [lambda _: None, lambda _: None, FileOfThePage(tmp_path / "violations.jsonl")]
    with (
        perfkit.override(perfkit.Catalog(), sinks=sinks, delivery="inline"),
        perfkit.budget("instant", duration="0s"),
    ):
        pass

    assert (raised("<lambda>") - before, raised("FileOfThePage")) == (2, 1)
