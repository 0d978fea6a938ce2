"""What the pages on violations, sinks and delivery have to say, they say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from attrs import evolve

import perfkit.sinks
from perfkit import Severity, Violation
from perfkit.assembly.sink_types import BUILT_IN
from perfkit.catalog.reading import POLICY, default_policy
from perfkit.catalog.routes import CONDITIONS
from perfkit.model import Budget, CodeLocation, Evidence, Metric
from perfkit.sinks import FanOut, Layer
from perfkit.testing import sample_violations
from tests.architecture.page_blocks import rows_of

DOCS = Path(__file__).parents[2] / "docs"
VIOLATIONS = (DOCS / "violations.md").read_text(encoding="utf-8")
DELIVERY = (DOCS / "delivery.md").read_text(encoding="utf-8")
SINKS = (DOCS / "sinks.md").read_text(encoding="utf-8")
TYPES = sorted(BUILT_IN)
MINUTE_NS = 60_000_000_000


def names_in(cells: list[str]) -> set[str]:
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def is_layer(name: str) -> bool:
    found = getattr(perfkit.sinks, name)
    return inspect.isclass(found) and (found is FanOut or issubclass(found, Layer))


def test_every_type_has_one_row_and_nothing_else_has_one() -> None:
    named = [row[0].strip("`") for row in rows_of(VIOLATIONS, "type")]

    assert sorted(named) == TYPES


def test_every_ending_that_is_exported_has_a_row() -> None:
    named = {name for row in rows_of(VIOLATIONS, "type") for name in names_in([row[1]])}
    endings = {name for name in perfkit.sinks.__all__ if name.endswith("Sink")}

    assert endings - {"CallbackSink"} == named - {"EventSink", "FanOut"}


@pytest.mark.parametrize("layer", [*filter(is_layer, perfkit.sinks.__all__)])
def test_every_layer_is_named(layer: str) -> None:
    assert f"`{layer}`" in DELIVERY or f"`perfkit.sinks.{layer}`" in DELIVERY


def test_every_key_of_delivery_has_one_row() -> None:
    named = [row[0].strip("`") for row in rows_of(DELIVERY, "key")]

    assert sorted(named) == sorted(POLICY)


def test_every_condition_of_a_route_is_named() -> None:
    named = {name for row in rows_of(VIOLATIONS, "condition") for name in names_in([row[0]])}

    assert named == set(CONDITIONS)


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_what_usually_stands_before_a_sink_is_what_the_row_says(kind: str) -> None:
    usual = next(row[4] for row in rows_of(VIOLATIONS, "type") if row[0] == f"`{kind}`")
    policy = default_policy(kind)
    assert ("attempts" in usual) == ((policy.max_attempts or 1) > 1)
    assert ("one of a kind" in usual) == bool(policy.repeat_interval and not policy.resolve_after)
    assert ("incident" in usual) == bool(policy.resolve_after)
    assert bool(re.search("a second|a minute", usual)) == bool(policy.rate_limit)


@pytest.mark.parametrize("row", rows_of(SINKS, "type"), ids=lambda row: row[0].strip("`"))
def test_every_option_of_a_sink_is_named(row: list[str]) -> None:
    written = re.sub(r"\([^)]*\)", "", row[1].split(": ")[0])
    kinds = re.findall(r"`(\w+)`", row[0])

    assert [names_in([written])] * len(kinds) == [options_of(kind) for kind in kinds]


def options_of(kind: str) -> set[str]:
    """Return what the table of a sink of this type may hold."""
    return set(BUILT_IN[kind].options)


def test_every_type_has_its_options_in_one_row() -> None:
    named = [kind for row in rows_of(SINKS, "type") for kind in re.findall(r"`(\w+)`", row[0])]

    assert sorted(named) == TYPES


CLASSES = {
    kind: getattr(perfkit.sinks, name.strip("`"))
    for kind, name, *_ in ((row[0].strip("`"), row[1]) for row in rows_of(VIOLATIONS, "type"))
    if kind in BUILT_IN and kind not in {"otel", "fan_out"}
}


@pytest.mark.parametrize("kind", CLASSES)
def test_in_code_the_options_have_the_names_that_the_page_says(kind: str) -> None:
    renamed = BUILT_IN[kind].arguments
    parameters = inspect.signature(CLASSES[kind]).parameters

    assert {renamed.get(option, option) for option in options_of(kind)} <= set(parameters)
    assert all(f"`{old}` of `{kind}` is `{new}`" in SINKS for old, new in renamed.items())


@pytest.mark.parametrize("kind", CLASSES)
def test_what_is_to_be_given_in_code_alone_is_what_the_page_says(kind: str) -> None:
    without = {each.name for each in BUILT_IN[kind].options.values() if not each.required}
    in_code = inspect.signature(CLASSES[kind]).parameters.values()
    needed = {each.name for each in in_code if each.default is each.empty}
    said = re.findall(rf"`(\w+)` of `{kind}`[^.]* are required", SINKS)

    assert needed & without == set(said)


def test_a_file_in_a_folder_that_is_missing_counts_as_delivered(tmp_path: Path) -> None:
    path = tmp_path / "audti" / "violations.jsonl"
    sink = perfkit.sinks.JsonLinesSink(path)
    sink.emit(sample_violations()["a plain violation"])

    assert path.exists()
    assert str(path) in sink.destination


# What a person reads.


def sentences_on_the_page() -> list[str]:
    section = VIOLATIONS.split("## Text of a violation", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    return [" ".join(block.split()) for block in blocks]


def broken() -> Violation:
    plain = sample_violations()["a critical one"]
    return evolve(
        plain,
        budget=Budget(name="session_retrieval", critical=True),
        where=CodeLocation(function="app.sessions.load", file="app/sessions.py", line=88),
        severity=Severity.CRITICAL,
        suppressed=212,
        suppressed_since_ns=plain.at_ns - 5 * MINUTE_NS,
        evidence=(
            Evidence(
                kind="stack",
                summary="61% of 49 samples in app.sessions.decode (app/sessions.py:31)",
            ),
        ),
    )


def recovered() -> Violation:
    over = sample_violations()["a window that holds again"]
    return evolve(
        over,
        budget=Budget(name="search"),
        where=CodeLocation(function="app.search.find", file="app/search.py", line=7),
        value=0.1,
        since_ns=over.at_ns - 64_200_000_000,
    )


def test_the_lines_on_the_page_are_those_that_people_get() -> None:
    assert sentences_on_the_page() == [broken().describe(), recovered().describe()]


def test_the_table_takes_the_line_apart() -> None:
    parts = [row[0].strip("`") for row in rows_of(VIOLATIONS, "part")]
    sentence = broken().describe()

    assert [part for part in parts if part.removesuffix(" in ...") not in sentence] == []
    assert Metric.DURATION in parts[1]
