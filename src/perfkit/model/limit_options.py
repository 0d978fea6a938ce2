"""The limits among the keyword arguments of `Budget`, `budget` and every decorator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from perfkit.model.budget import Limit

    Quantity: TypeAlias = str | float | timedelta
    """A text with a unit (``"100ms"``), a number in base units, or a timedelta."""

    LimitValue: TypeAlias = (
        Quantity
        | Limit
        | tuple[Quantity, Quantity]
        | Mapping[str, Any]
        | Sequence[Mapping[str, Any]]
    )
    """A threshold, a pair of target and threshold, or tables: see `perfkit.budget`."""


class LimitOptions(TypedDict, total=False):
    """A limit for each metric; `target` and `threshold` are the limit on the main metric.

    The main metric is the peak of the heap for `memory_profiled`, the CPU time for `cpu_profiled`,
    the hit ratio for `ratio`, and the duration elsewhere.
    """

    target: Quantity
    threshold: Quantity
    duration: LimitValue
    first_item: LimitValue
    cpu_time: LimitValue
    process_cpu_time: LimitValue
    gc_time: LimitValue
    cpu_utilization: LimitValue
    memory_peak: LimitValue
    memory_net: LimitValue
    memory_growth: LimitValue
    memory_rss: LimitValue
    disk_write_rate: LimitValue
    disk_read_rate: LimitValue
    threads: LimitValue
    open_files: LimitValue
    throughput: LimitValue
    concurrency: LimitValue
    hit_ratio: LimitValue
    error_ratio: LimitValue
    scaling_exponent: LimitValue
