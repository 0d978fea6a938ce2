"""What people write for a quantity comes out in base units, and goes back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import UnitError
from perfkit.units import Unit, format_quantity, parse_quantity, read_quantity, write_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("100ms", Unit.SECONDS, 0.1),
        ("1.5 s", Unit.SECONDS, 1.5),
        ("2min", Unit.SECONDS, 120.0),
        ("5m", Unit.SECONDS, 300.0),
        ("1h", Unit.SECONDS, 3600.0),
        ("1d", Unit.SECONDS, 86400.0),
        ("250 \N{MICRO SIGN}s", Unit.SECONDS, 0.00025),
        ("3 \N{GREEK SMALL LETTER MU}s", Unit.SECONDS, 3e-6),
        ("7 nanoseconds", Unit.SECONDS, 7e-9),
        ("100\N{NO-BREAK SPACE}ms", Unit.SECONDS, 0.1),
        ("50MB", Unit.BYTES, 50e6),
        ("64MiB", Unit.BYTES, 64 * 2**20),
        ("1kb", Unit.BYTES, 1000.0),
        ("10MB/min", Unit.BYTES_PER_SECOND, 10e6 / 60),
        ("5 MiB / s", Unit.BYTES_PER_SECOND, 5 * 2**20),
        ("50 req/sec", Unit.PER_SECOND, 50.0),
        ("100/sec", Unit.PER_SECOND, 100.0),
        ("50 TPS", Unit.PER_SECOND, 50.0),
        ("600 requests per minute", Unit.PER_SECOND, 10.0),
        ("85%", Unit.RATIO, 0.85),
        ("0.85", Unit.RATIO, 0.85),
        ("10 concurrent", Unit.COUNT, 10.0),
        ("1,000 users", Unit.COUNT, 1000.0),
        ("1_000", Unit.COUNT, 1000.0),
        ("1e3", Unit.COUNT, 1000.0),
    ],
)
def test_reads_what_people_write(text: str, unit: Unit, value: float) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("fast", Unit.SECONDS, '"fast" is not a quantity; write "100ms"'),
        ("", Unit.BYTES, '"" is not a quantity; write "50MB"'),
        ("100", Unit.SECONDS, '"100" has no unit; write "100ms"'),
        ("5MB", Unit.SECONDS, '"5MB" is not a duration; write "100ms"'),
        ("5s", Unit.RATIO, '"5s" is not a ratio; write "85%"'),
        ("10 parsecs", Unit.SECONDS, '"10 parsecs" has an unknown unit; write one of ns'),
        ("5Mb", Unit.BYTES, "Mb can mean bits; write MB for bytes"),
        ("5 s/s", Unit.PER_SECOND, "is not a rate"),
        ("5 MB/MB", Unit.BYTES_PER_SECOND, "is not a rate"),
        ("5M", Unit.SECONDS, '"5M" has an unknown unit'),
        ("1,5 s", Unit.SECONDS, "is not a quantity"),
        ("9" * 500 + "s", Unit.SECONDS, "is not a quantity"),
        ("1e400 d", Unit.SECONDS, "is too large"),
    ],
)
def test_says_what_to_write_instead(text: str, unit: Unit, says: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(text, unit)

    assert says in str(caught.value)


def test_a_quantity_of_any_kind_comes_with_its_unit() -> None:
    assert read_quantity("10MB/min") == (10e6 / 60, Unit.BYTES_PER_SECOND)


def test_a_bare_number_is_a_count() -> None:
    assert read_quantity("12") == (12.0, Unit.COUNT)


def test_reading_nonsense_of_any_kind_names_examples() -> None:
    with pytest.raises(UnitError, match='such as "100ms", "50MB" or "85%"'):
        read_quantity("soon")


@given(
    value=st.floats(min_value=0, allow_infinity=False, allow_nan=False),
    unit=st.sampled_from(Unit),
)
def test_what_is_written_reads_back_exactly(value: float, unit: Unit) -> None:
    assert parse_quantity(write_quantity(value, unit), unit) == value


@given(st.text(max_size=120))
def test_any_text_is_a_quantity_or_a_unit_error(text: str) -> None:
    try:
        value, _ = read_quantity(text)
    except UnitError:
        return
    assert math.isfinite(value)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1, Unit.SECONDS, "100ms"),
        (60.0, Unit.SECONDS, "1min"),
        (90.0, Unit.SECONDS, "90s"),
        (30 * 86_400.0, Unit.SECONDS, "30d"),
        (4.5 * 86_400.0, Unit.SECONDS, "108h"),
        (0.0, Unit.SECONDS, "0s"),
        (64 * 2**20, Unit.BYTES, "64MiB"),
        (1e9, Unit.BYTES, "1GB"),
        (10e6 / 60, Unit.BYTES_PER_SECOND, "10MB/min"),
        (0.001, Unit.RATIO, "0.1%"),
        (0.1 + 0.2, Unit.SECONDS, "0.30000000000000004s"),
        (12.0, Unit.COUNT, "12"),
    ],
)
def test_writes_the_shortest_exact_text(value: float, unit: Unit, text: str) -> None:
    assert write_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, Unit.SECONDS, "123 ms"),
        (90.0, Unit.SECONDS, "1.5 min"),
        (0.0, Unit.SECONDS, "0 ns"),
        (52_428_800, Unit.BYTES, "52.4 MB"),
        (166_666.7, Unit.BYTES_PER_SECOND, "167 kB/s"),
        (0.856, Unit.RATIO, "85.6%"),
        (1234567.0, Unit.COUNT, "1,230,000"),
        (50.0, Unit.PER_SECOND, "50/s"),
    ],
)
def test_formats_for_people(value: float, unit: Unit, text: str) -> None:
    assert format_quantity(value, unit) == text
