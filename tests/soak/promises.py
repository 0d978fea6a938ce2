"""The budgets of the soak, and what must be exact of each."""

from __future__ import annotations

from typing import Any, Final

from perfkit import Budget, Catalog, Metric
from perfkit.catalog import parse_limits, parse_objective

LONG: Final = "1h"
"""Longer than any soak, so that such a window holds every call."""

Written = dict[Metric, Any]


def catalog(*, tells: bool) -> Catalog:
    """Return the budgets, made anew.

    Args:
        tells: Whether each call tells the one around it what it has cost; if not, most calls take
            the short cut.
    """
    return Catalog(budgets=[*_plain(), *_over_windows(), *_probed(), *_explained(tells=tells)])


def _budget(name: str, limits: Written, spans: str = "never", **rest: Any) -> Budget:
    found = [limit for metric, written in limits.items() for limit in parse_limits(metric, written)]
    return Budget(name=name, limits=tuple(found), spans=spans, **rest)


def _plain() -> list[Budget]:
    quick: Written = {Metric.DURATION: ("100us", "2ms")}
    return [
        _budget("light", quick),
        _budget("spanned", quick, spans="always"),
        _budget("late", quick, spans="violations"),
        _budget("items", {**quick, Metric.FIRST_ITEM: "1ms"}),
        _budget("abandoned", {Metric.DURATION: "1h"}),
        _budget("block", quick),
        _budget("promised", quick, objective=parse_objective("99%")),
    ]


def _over_windows() -> list[Budget]:
    def over(window: str, threshold: str, **rest: Any) -> dict[str, Any]:
        return {"threshold": threshold, "window": window, **rest}

    each = {"threshold": "2ms", "statistic": "each"}
    short = {
        Metric.DURATION: [each, over("3s", "1ms", statistic="p95")],
        Metric.ERROR_RATIO: over("3s", "5%"),
        Metric.THROUGHPUT: over("2s", "1000/s"),
        Metric.CONCURRENCY: over("3s", "3", statistic="max"),
    }
    return [
        _budget("windowed", short),
        _budget("counted", {Metric.CONCURRENCY: "9", Metric.ERROR_RATIO: over(LONG, "1%")}),
        _budget("hits", {Metric.HIT_RATIO: over(LONG, "> 85%")}),
        _budget(
            "process",
            {
                Metric.MEMORY_RSS: "1MB",
                Metric.CPU_UTILIZATION: over("2s", "10%"),
                Metric.THREADS: "10000",
                Metric.OPEN_FILES: "10000",
                Metric.DISK_WRITE_RATE: "1GB/s",
            },
        ),
    ]


def _probed() -> list[Budget]:
    return [
        _budget("cpu", {Metric.CPU_TIME: "200us", Metric.DURATION: "2ms"}, spans="always"),
        _budget("stream", {Metric.CPU_TIME: "200us"}, spans="violations"),
        _budget("memory", {Metric.MEMORY_PEAK: "20kB"}),
        _budget("traced", {Metric.MEMORY_PEAK: "20kB", Metric.DURATION: "2ms"}),
        _budget("profiled", {Metric.CPU_TIME: "200us", Metric.DURATION: "2ms"}),
        _budget("resident", {Metric.MEMORY_GROWTH: "1MB", Metric.DISK_WRITE_RATE: "1MB/s"}),
    ]


def _explained(*, tells: bool) -> list[Budget]:
    every_kind = ("cpu", "memory", "stack", "children")
    kinds = every_kind if tells else every_kind[:3]
    slow: Written = {Metric.DURATION: "300us"}
    window = {Metric.ERROR_RATIO: {"threshold": "1%", "window": "2s"}, **slow}
    return [
        _budget("explained", slow, spans="always", evidence=kinds),
        _budget("cut", window, spans="violations", evidence=kinds),
        _budget("root", slow, evidence=every_kind[3:] if tells else ()),
    ]


TIMED: Final = frozenset(
    {
        "light", "spanned", "late", "items", "abandoned", "block", "promised", "windowed",
        "counted", "hits",
        "cpu", "stream", "resident", "root",
    }
)  # fmt: skip
"""Every call of these has its duration counted: nothing ever slows them down."""

TRACED: Final = frozenset({"memory", "traced"})
"""A call of these has its duration counted, or the peak of its memory."""

SPANNED: Final = frozenset({"spanned", "cpu", "explained"})
"""Every call of these has a span."""

CPU_TIMED: Final = frozenset({"cpu", "stream", "profiled"})
"""Every call of these has its CPU time counted."""

JUDGED: Final = {
    budget.name: [str(limit.metric) for limit in budget.limits if limit.statistic == "each"]
    for budget in catalog(tells=True).budgets
    if budget.name != "process"
}
"""The metrics of which every call is judged, by budget."""
