"""Quantiles are at most 1 % off, whatever the values, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.evaluation.sketch import (
    BUCKETS,
    LARGEST,
    RELATIVE_ERROR,
    SMALLEST,
    Sketch,
    nearest_rank,
)

_ROUNDING = 1e-12
_QUANTILES = st.one_of(
    st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]),
    st.integers(min_value=0, max_value=1000).map(lambda thousandths: thousandths / 1000),
)
_POSITIVE = st.one_of(
    st.floats(min_value=SMALLEST, max_value=LARGEST),
    st.integers(min_value=1, max_value=10**12).map(lambda nanoseconds: nanoseconds / 1e9),
    st.sampled_from([SMALLEST, LARGEST, 0.1, 0.3, 1.0]),
)
_VALUES = st.one_of(_POSITIVE, _POSITIVE.map(lambda value: -value), st.just(0.0))
_NANOSECONDS = st.one_of(
    st.integers(min_value=0, max_value=10**13),
    st.integers(min_value=0, max_value=100),
    st.integers(min_value=-(10**9), max_value=10**9),
)


def _sketch_of(values: Sequence[float]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def _all_ranks(sketch: Sketch) -> list[float | None]:
    return [sketch.quantile(rank / sketch.count) for rank in range(1, sketch.count + 1)]


def _exact(values: Sequence[float], quantile: float) -> float:
    """The nearest rank by its definition, with the quantile as the decimal that was written."""
    rank = math.ceil(Fraction(str(quantile)) * len(values))
    return sorted(values)[max(rank, 1) - 1]


def _is_close(estimate: float | None, exact: float) -> bool:
    assert estimate is not None
    return abs(estimate - exact) <= abs(exact) * (RELATIVE_ERROR + _ROUNDING)


@given(st.lists(_VALUES, min_size=1), _QUANTILES)
def test_a_quantile_is_within_one_percent_of_the_value_at_its_rank(
    values: list[float], quantile: float
) -> None:
    batch = Sketch()
    batch.add_ordered(sorted(values))
    for sketch in (_sketch_of(values), batch):
        assert sketch.count == len(values)
        assert _is_close(sketch.quantile(quantile), _exact(values, quantile))


_SHAPES: dict[str, Callable[[Random], float]] = {
    "uniform": lambda random: random.uniform(0.001, 0.1),
    "exponential": lambda random: random.expovariate(20),
    "lognormal": lambda random: random.lognormvariate(-4, 1.5),
    "pareto": lambda random: random.paretovariate(0.7),
    "two peaks": lambda random: random.choice([random.gauss(1, 0.01), random.gauss(100, 1)]),
    "both signs": lambda random: random.gauss(0, 1e6),
    "one value": lambda _: 0.25,
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_ten_thousand_values_of_any_shape_keep_the_bound_at_every_quantile(shape: str) -> None:
    random = Random(shape)  # noqa: S311 - the same values in every run
    values = [_SHAPES[shape](random) for _ in range(10_000)]
    sketch = _sketch_of(values)
    values.sort()
    for thousandths in range(1, 1001):
        rank = -(-thousandths * len(values) // 1000)
        assert _is_close(sketch.quantile(thousandths / 1000), values[rank - 1])


@given(st.lists(st.lists(_VALUES), max_size=5))
def test_merged_sketches_are_the_sketch_of_all(batches: list[list[float]]) -> None:
    merged = Sketch()
    for batch in batches:
        merged.merge(_sketch_of(batch))
    whole = _sketch_of([value for batch in batches for value in batch])
    assert merged.count == whole.count
    assert _all_ranks(merged) == _all_ranks(whole)


def test_merging_leaves_the_other_as_it_was() -> None:
    one, other = _sketch_of([1.0]), _sketch_of([2.0, 3.0])
    before = _all_ranks(other)
    one.merge(other)
    one.add(2.0, 5)
    assert _all_ranks(other) == before


@given(st.lists(_NANOSECONDS), st.sampled_from([1.0, 1e-9, 0.5, 1e3]))
def test_an_ordered_batch_is_the_same_as_its_values_one_by_one(
    values: list[int], scale: float
) -> None:
    batch = Sketch()
    batch.add_ordered(sorted(values), scale)
    assert _all_ranks(batch) == _all_ranks(_sketch_of([value * scale for value in values]))


@given(st.lists(st.tuples(_VALUES, st.integers(min_value=1, max_value=9))))
def test_a_count_is_as_many_additions(counted: list[tuple[float, int]]) -> None:
    at_once = Sketch()
    for value, count in counted:
        at_once.add(value, count)
    one_by_one = _sketch_of([value for value, count in counted for _ in range(count)])
    assert _all_ranks(at_once) == _all_ranks(one_by_one)


def test_nothing_has_no_quantile() -> None:
    assert Sketch().quantile(0.5) is None
    empty = Sketch()
    empty.merge(Sketch())
    empty.add_ordered([], 1e-9)
    assert (empty.count, empty.quantile(0.0)) == (0, None)


@pytest.mark.parametrize("value", [0.0, -0.0, 0.99e-9, -0.99e-9, 5e-324])
def test_what_is_close_to_zero_is_exactly_zero(value: float) -> None:
    sketch = _sketch_of([value])
    sketch.add_ordered([value])
    assert _all_ranks(sketch) == [0.0, 0.0]


@pytest.mark.parametrize("value", [LARGEST, 1e16, 1e300, math.inf])
def test_what_is_too_large_counts_as_the_largest(value: float) -> None:
    sketch = _sketch_of([value, -value])
    sketch.add_ordered([-value, value])
    assert _all_ranks(sketch) == _all_ranks(_sketch_of([-LARGEST, -LARGEST, LARGEST, LARGEST]))
    assert _is_close(sketch.quantile(1.0), LARGEST)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        Sketch().add(math.nan)


def test_memory_is_bounded_however_wide_the_range() -> None:
    sketch = Sketch()
    exponents = [step / 50 for step in range(-16 * 50, 20 * 50)]
    for sign in (1, -1):
        for exponent in exponents:
            sketch.add(sign * 10**exponent)
    for _ in range(3):
        more = Sketch()
        more.add_ordered([10**exponent for exponent in exponents])
        sketch.merge(more)
    for buckets in (sketch._positive, sketch._negative):
        assert len(buckets._counts) <= BUCKETS + 64


@given(st.integers(min_value=1, max_value=10**9), _QUANTILES)
def test_the_nearest_rank_is_exact(count: int, quantile: float) -> None:
    assert nearest_rank(quantile, count) == max(math.ceil(Fraction(str(quantile)) * count), 1)
