"""Quantiles of any number of values in bounded memory, each at most 1 % off.

The idea is that of Charles Masson, Jee E. Rim and Homin K. Lee, "DDSketch: A fast and
fully-mergeable quantile sketch with relative-error guarantees", 2019: count values in buckets whose
borders grow by a constant factor. With a factor of (1 + a) / (1 - a) one number in each bucket is
within the share a of all values in the bucket. Here the counts are a plain array and buckets are
never collapsed, because the range is bounded instead.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import ceil, exp, isnan, log
from operator import add
from typing import Final

RELATIVE_ERROR: Final = 0.01
"""How far an estimated quantile may be from the true one, as a share of the true one."""

SMALLEST: Final = 1e-9
"""Values nearer to zero count as zero."""

LARGEST: Final = 1e15
"""Values further from zero count as this."""

_GROWTH: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH: Final = log(_GROWTH)
_CHUNK: Final = 16
_PER_UNIT: Final = 1_000_000


def _bucket_of(magnitude: float) -> int:
    if magnitude > LARGEST:
        return _LAST
    return ceil(log(magnitude) / _LOG_GROWTH - 0.5)


def _border_of(bucket: int) -> float:
    # An odd power of the root is irrational: no value that people write is on a border.
    return exp((bucket + 0.5) * _LOG_GROWTH)


_LAST: Final = ceil(log(LARGEST) / _LOG_GROWTH - 0.5)
BUCKETS: Final = _LAST - _bucket_of(SMALLEST) + 1
"""The most buckets for values of one sign: 2,764 of 8 bytes, 22 kB.

Values within one decade need about 116 of them.
"""


def nearest_rank(quantile: float, count: int) -> int:
    """Return the 1-based rank of a quantile among `count` sorted values: ceil(q * n).

    The quantile is rounded to six decimals, so that 0.95 is exact.

    >>> nearest_rank(0.95, 20), nearest_rank(0.95, 21), nearest_rank(0, 5)
    (19, 20, 1)
    """
    return max(-(-round(quantile * _PER_UNIT) * count // _PER_UNIT), 1)


class Sketch:
    """Counts of values by magnitude. Not safe from several threads.

    Values below `SMALLEST` in magnitude count as zero, and those above `LARGEST` as that. It has at
    most 2 * `BUCKETS` counts, 44 kB; only the range of values that occurs needs memory.

    >>> sketch = Sketch()
    >>> for value in range(1, 101):
    ...     sketch.add(value)
    >>> sketch.count, abs(sketch.quantile(0.95) - 95) < 0.95
    (100, True)
    """

    __slots__ = ("_negative", "_positive", "_zeros")

    def __init__(self) -> None:
        self._positive = _Buckets()
        self._negative = _Buckets()
        self._zeros = 0

    @property
    def count(self) -> int:
        """Number of values."""
        return self._negative.count + self._zeros + self._positive.count

    def add(self, value: float, count: int = 1) -> None:
        """Add a value of either sign `count` times; raise `ValueError` if it is NaN."""
        if value >= SMALLEST:
            self._positive.add(_bucket_of(value), count)
        elif value <= -SMALLEST:
            self._negative.add(_bucket_of(-value), count)
        elif isnan(value):
            raise ValueError("NaN has no place among other values")
        else:
            self._zeros += count

    def add_ordered(self, values: Sequence[float], scale: float = 1.0) -> None:
        """Add ascending values, each times `scale`, at a cost for each bucket that they fall in."""
        zeros = bisect_right(values, -SMALLEST / scale)
        positives = bisect_left(values, SMALLEST / scale, zeros)
        self._zeros += positives - zeros
        if zeros:
            self._negative.add_ordered([-value for value in values[zeros - 1 :: -1]], 0, scale)
        self._positive.add_ordered(values, positives, scale)

    def merge(self, other: Sketch) -> None:
        """Add the values of `other`, exactly as if they had been added here."""
        self._positive.merge(other._positive)
        self._negative.merge(other._negative)
        self._zeros += other._zeros

    def quantile(self, quantile: float) -> float | None:
        """Return a value within 1 % of the ceil(q * n)-th smallest of n; None if there are none."""
        if not self.count:
            return None
        rank = nearest_rank(quantile, self.count)
        if rank <= self._negative.count:
            return -self._negative.estimate(self._negative.count - rank + 1)
        rank -= self._negative.count + self._zeros
        return 0.0 if rank <= 0 else self._positive.estimate(rank)


class _Buckets:
    """Counts of positive values; each reaches up to its border, from that of the one before."""

    __slots__ = ("_counts", "_first", "count")

    def __init__(self) -> None:
        self.count = 0
        self._first = 0
        self._counts = array("q")

    def add(self, bucket: int, count: int) -> None:
        if not 0 <= bucket - self._first < len(self._counts):
            self._extend_to(bucket, bucket)
        self._counts[bucket - self._first] += count
        self.count += count

    def add_ordered(self, values: Sequence[float], begin: int, scale: float) -> None:
        """Count ascending values from index `begin` on, each times `scale`."""
        if begin == len(values):
            return
        end = bisect_right(values, LARGEST / scale, begin)
        if end < len(values):
            self.add(_LAST, len(values) - end)
        if begin < end:
            self._add_in_range(values, begin, end, scale)

    def _add_in_range(self, values: Sequence[float], begin: int, end: int, scale: float) -> None:
        # One bucket more than the last, because rounding may move a value on a border by one. The
        # next border is a product, and a logarithm is computed only after a gap: a batch of 4,096
        # values costs about as much as the buckets that it falls into.
        self._extend_to(_bucket_of(values[begin] * scale), _bucket_of(values[end - 1] * scale) + 1)
        self.count += end - begin
        first, counts, bucket, border = self._first, self._counts, 0, 0.0
        while begin < end:
            value = values[begin]
            if value > border:
                bucket = _bucket_of(value * scale)
                border = _border_of(bucket) / scale
            after = bisect_right(values, border, begin, end)
            counts[bucket - first] += after - begin
            begin = after
            bucket += 1
            border *= _GROWTH

    def merge(self, other: _Buckets) -> None:
        if not other.count:
            return
        size = len(other._counts)
        self._extend_to(other._first, other._first + size - 1)
        begin = other._first - self._first
        mine = self._counts[begin : begin + size]
        self._counts[begin : begin + size] = array("q", map(add, mine, other._counts))
        self.count += other.count

    def estimate(self, rank: int) -> float:
        """Return a value within 1 % of the `rank`-th smallest, counted from 1."""
        place = bisect_left(list(accumulate(self._counts)), rank)
        return 2 * _border_of(self._first + place) / (_GROWTH + 1)

    def _extend_to(self, low: int, high: int) -> None:
        if not self._counts:
            self._first = low
        end = self._first + len(self._counts)
        if low < self._first:
            # In chunks, so that values that spread slowly do not copy the array each time.
            missing = max(self._first - low, _CHUNK)
            self._counts = _empty(missing) + self._counts
            self._first -= missing
        if high >= end:
            self._counts.extend(_empty(max(high + 1 - end, _CHUNK)))


def _empty(size: int) -> array[int]:
    return array("q", bytes(8 * size))
