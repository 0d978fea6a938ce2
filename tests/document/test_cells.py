"""A cell of a document is parsed as a value, a pair or a flag, or rejected."""

from __future__ import annotations

import pytest

from perfkit.document.cells import (
    UnreadableCellError,
    read_direction,
    read_flag,
    read_pair,
    read_statistic,
    read_unit,
    read_value,
)
from perfkit.model import Direction, Statistic
from perfkit.units import Unit

MOST, LEAST = Direction.AT_MOST, Direction.AT_LEAST


@pytest.mark.parametrize(
    ("text", "value", "unit", "direction"),
    [
        ("< 100ms latency", 0.1, Unit.SECONDS, MOST),
        ("<500ms", 0.5, Unit.SECONDS, MOST),
        ("\N{LESS-THAN OR EQUAL TO}200ms", 0.2, Unit.SECONDS, MOST),
        ("up to 2 min", 120.0, Unit.SECONDS, MOST),
        ("300ms or less", 0.3, Unit.SECONDS, MOST),
        ("1000ms max", 1.0, Unit.SECONDS, MOST),
        (".5 s", 0.5, Unit.SECONDS, None),
        ("\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT ZERO}ms", 0.01, Unit.SECONDS, None),
        ("> 85%", 0.85, Unit.RATIO, LEAST),
        ("at least 99.5 %", 0.995, Unit.RATIO, LEAST),
        ("no less than 90%", 0.9, Unit.RATIO, LEAST),
        ("< 1GB", 1e9, Unit.BYTES, MOST),
        ("< 10MB/min", 10e6 / 60, Unit.BYTES_PER_SECOND, MOST),
        ("10 MB / min", 10e6 / 60, Unit.BYTES_PER_SECOND, None),
        ("50 req/sec", 50.0, Unit.PER_SECOND, None),
        ("100/sec", 100.0, Unit.PER_SECOND, None),
        ("50 requests per second", 50.0, Unit.PER_SECOND, None),
        ("10 concurrent", 10.0, Unit.COUNT, None),
        ("20 concurrent sessions", 20.0, Unit.COUNT, None),
        ("1,000", 1000.0, Unit.COUNT, None),
    ],
)
def test_reads(text: str, value: float, unit: Unit, direction: Direction | None) -> None:
    read = read_value(text)

    assert (read.value, read.unit, read.direction) == (value, unit, direction)
    assert read.unknown == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Lossless", "no value"),
        ("tbd", "no value"),
        ("5 FPS", 'unknown unit "fps"'),
        ("10k rps", "unknown unit"),
        ("2x", 'unknown unit "x"'),
        ("100ms\N{EN DASH}300ms", "unknown unit"),
        ("100 - 200 ms", "more than one value"),
        ("3 s over 5 min", "more than one value"),
        ("1,5s", "more than one value"),
        ("10MB / lots", "two parts"),
        ("1s " + "and so on " * 50, "too long"),
        ("p99.9 < 3s", "p99.9 is not a statistic"),
        ("p50 and p99 < 3s", "two statistics"),
        ("at least 3s at most", "both at most and at least"),
        ("< 3s or more", "both at most and at least"),
    ],
)
def test_does_not_guess(text: str, why: str) -> None:
    with pytest.raises(UnreadableCellError) as caught:
        read_value(text)

    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "unknown"), [("100ms (cold)", "cold"), ("~100ms", "~"), ("5 ms, mostly", "mostly")]
)
def test_words_without_a_meaning_are_named(text: str, unknown: str) -> None:
    assert read_value(text).unknown == unknown


@pytest.mark.parametrize(
    ("text", "statistic"),
    [
        ("p99 < 300ms", Statistic.P99),
        ("300 ms (p95)", Statistic.P95),
        ("99th percentile: 1s", Statistic.P99),
        ("95% of requests < 2s", Statistic.P95),
        ("median 5ms", Statistic.P50),
        ("5ms avg", Statistic.MEAN),
        ("5ms", None),
    ],
)
def test_reads_the_statistic_too(text: str, statistic: Statistic | None) -> None:
    assert read_value(text).statistic is statistic


@pytest.mark.parametrize(("text", "value"), [("1,200", 1.2), ("2s", 2.0)])
def test_only_a_bare_number_takes_the_unit_of_its_column(text: str, value: float) -> None:
    assert read_value(text, "ms").value == value


@pytest.mark.parametrize(
    "text",
    [
        "100ms / 300ms",
        "100ms/300ms",
        "100 / 300 ms",
        "100ms | 300ms",
        "100ms; 300ms",
        "100ms (max 300ms)",
        "target 100ms, threshold 300ms",
        "limit 300ms, target 100ms",
        "< 100ms \N{RIGHTWARDS ARROW} < 300ms",
    ],
)
def test_reads_a_target_and_a_threshold(text: str) -> None:
    target, threshold = read_pair(text)

    assert (target.value, threshold.value) == (0.1, 0.3)


@pytest.mark.parametrize("text", ["100ms", "a / b", "1s, 2s, 3s", "10MB / min", ""])
def test_other_things_are_no_pair(text: str) -> None:
    with pytest.raises(UnreadableCellError):
        read_pair(text)


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Limit (ms)", "ms"),
        ("Latency [s]", "s"),
        ("Peak (MB, max)", "MB"),
        ("Memory (in MB)", "MB"),
        ("Target, MB", "MB"),
        ("CPU %", "%"),
        ("Target TPS", "TPS"),
        ("Plan B", ""),
        ("Most sessions", ""),
        ("Target (new)", ""),
        ("", ""),
    ],
)
def test_a_header_may_give_the_unit(header: str, unit: str) -> None:
    assert read_unit(header) == unit


@pytest.mark.parametrize(
    ("texts", "flag"),
    [
        (["Yes", "y", "TRUE", "x", "\N{CHECK MARK}", "\N{WHITE HEAVY CHECK MARK}"], True),
        (["No", "n", "false", "-", "\N{EM DASH}", "", "\N{CROSS MARK}"], False),
        (["P1"], None),
    ],
)
def test_says_yes_or_no_or_neither(texts: list[str], *, flag: bool | None) -> None:
    assert {read_flag(text) for text in texts} == {flag}


def test_words_for_statistics_can_be_left_alone() -> None:
    assert read_statistic("Median filter", words=False) == (None, "Median filter")


def test_a_longer_phrase_goes_before_a_shorter_one() -> None:
    assert read_direction("no more than")[0] is MOST
