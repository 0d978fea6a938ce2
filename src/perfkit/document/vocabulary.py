"""The words by which the columns and cells of a table are classified.

All matching is by whole words in lower case, without punctuation: see `mentions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from perfkit.catalog.bounds import SCALING_WORDS
from perfkit.model import Direction, Metric, Statistic
from perfkit.units import Unit


def plain(text: str) -> str:
    """Return the words of `text` in lower case, with a space around each.

    >>> plain("Hit-Rate (Target)")
    ' hit rate target '
    """
    return f" {' '.join(_WORD.findall(text.lower()))} "


def mentions(text: str, words: Iterable[str]) -> bool:
    """Return whether `text` contains any of `words`, each a word or a phrase."""
    padded = plain(text)
    return any(f" {word} " in padded for word in words)


@frozen
class Hint:
    """Words that imply a metric, or None for a quantity that perfkit does not measure.

    With `near` they count only beside the value, not in the heading of the section.
    """

    words: tuple[str, ...]
    metric: Metric | None
    near: bool = False


_WORD: Final = re.compile(r"[^\W_]+|#")


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(","))


# Columns. If two columns may be the threshold, the word that is earlier in this list wins.
TARGET_WORDS: Final = _split(
    "target, targets, objective, objectives, slo, goal, goals, aim, desired, ideal, expected,"
    " good, warning, warn, warn at, soft limit"
)
THRESHOLD_WORDS: Final = _split(
    "threshold, thresholds, limit, limits, budget, budgets, ceiling, floor, alert, alerts,"
    " alert at, alarm, hard limit, acceptable, tolerable, breach, maximum, minimum, max, min,"
    " worst, critical, sla"
)
PROMISE_WORDS: Final = (*TARGET_WORDS, *THRESHOLD_WORDS)
FLAG_WORDS: Final = _split(
    "critical, critical path, must hold, must, mandatory, required, blocking, blocker, essential,"
    " severity, gate, gating, hard"
)
NAME_WORDS: Final = _split(
    "operation, operations, name, service, component, endpoint, route, api, page, query, task, job,"
    " step, action, feature, scenario, function, method, call, test, benchmark, workload, resource,"
    " item, module, process, screen, transaction, use case, system, journey, request, what"
)
CATEGORY_WORDS: Final = _split("category, area, domain, subsystem, group, team")
QUALIFIER_WORDS: Final = _split("sli, metric, indicator, measure, measurement, statistic, kind")
NOTE_WORDS: Final = _split(
    "note, notes, comment, comments, remark, remarks, description, details, rationale, reason, why,"
    " #, owner, contact, source, link, links, id, no, nr, how measured, condition, conditions"
)
SCALING_HEADINGS: Final = _split(
    "scaling, scaling factor, scales, scale, growth, complexity, order"
)
OBSERVED_WORDS: Final = _split(
    "current, currently, actual, measured, observed, baseline, today, now, before, after, last,"
    " result, results, status, p value"
)

# Cells.
FLAGS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(
        _split("yes, y, true, x, must, critical, hard, \u2713, \u2714, \u2705, \u2611"), True
    ),
    **dict.fromkeys(
        _split(
            "no, n, false, -, \u2013, \u2014, , should, soft, warning, info, non-critical,"
            " optional, \u2717, \u2718, \u274c, \u2610"
        ),
        False,
    ),
}
EMPTY_CELLS: Final = ("", "-", "\u2013", "\u2014", "--", "n/a", "na", "none")
SCALING: Final[Mapping[str, float]] = {
    **SCALING_WORDS,
    "o(1)": 0.0,
    "o(n)": 1.0,
    "o(n^2)": 2.0,
    "o(n\u00b2)": 2.0,
}
PAIR_SEPARATORS: Final = (" / ", "/", "|", ";", ", ", "(", "\u2192", "->")
COMPARING_WORDS: Final[Mapping[str, Direction]] = {
    **dict.fromkeys(
        _split(
            "under, below, less than, at most, up to, no more than, not more than, fewer than, max,"
            " maximum, or less, or fewer, or lower, or faster, within, no slower than"
        ),
        Direction.AT_MOST,
    ),
    **dict.fromkeys(
        _split(
            "over, above, more than, at least, min, minimum, or more, or higher, no less than,"
            " not less than, no fewer than"
        ),
        Direction.AT_LEAST,
    ),
}
FILLERS: Final = _split(
    "latency, response, time, duration, call, calls, each, per, the, a, of, for, in, is, be, and,"
    " usage, use, used, rate, ratio, utilization, utilisation, size, request, requests, operation,"
    " operations, throughput, percentile, total, ok, must, should"
)

# Statistics.
PERCENTILES: Final = (
    re.compile(r"\bp(\d\d(?:\.\d+)?)\b(?!\.\d)", re.IGNORECASE),
    re.compile(
        r"\b(\d\d(?:\.\d+)?)(?:st|nd|rd|th)\b(?:\s+(?:percentile|pctl|pct))?", re.IGNORECASE
    ),
    re.compile(r"\b(\d\d(?:\.\d+)?)\s*%\s+of\s+(?:all\s+)?(?:calls|requests|queries|operations)\b"),
)
STATISTIC_WORDS: Final[Mapping[str, Statistic]] = {
    "median": Statistic.P50,
    "mean": Statistic.MEAN,
    "average": Statistic.MEAN,
    "avg": Statistic.MEAN,
}

# Metrics. The unit of a value decides first, then the words nearest to it.
METRIC_HINTS: Final[Mapping[Unit, tuple[Hint, ...]]] = {
    Unit.SECONDS: (
        Hint(("cpu time", "cpu seconds", "processor time"), Metric.CPU_TIME),
        Hint(_split("ttl, retention, uptime, downtime, mttr, rto, rpo"), None),
    ),
    Unit.RATIO: (
        Hint(_split("hit, hits, hit rate, hit ratio"), Metric.HIT_RATIO),
        Hint(_split("error, errors, failure, failures, failed, 5xx"), Metric.ERROR_RATIO),
        Hint(_split("cpu, processor, cores"), Metric.CPU_UTILIZATION),
    ),
    Unit.BYTES: (
        Hint(_split("growth, delta, leak, leaks, leaked, increase"), Metric.MEMORY_GROWTH),
        Hint(
            _split("peak heap, heap peak, allocation, allocations, allocated, traced, tracemalloc"),
            Metric.MEMORY_PEAK,
        ),
        Hint(_split("memory, rss, ram, footprint, resident"), Metric.MEMORY_RSS),
        Hint(
            _split("payload, bundle, download, upload, file, disk, storage, body, response, page"),
            None,
        ),
    ),
    Unit.BYTES_PER_SECOND: (
        Hint(_split("read, reads, reading"), Metric.DISK_READ_RATE),
        Hint(_split("write, writes, writing, written"), Metric.DISK_WRITE_RATE),
        Hint(_split("network, bandwidth, download, upload, transfer"), None),
    ),
    Unit.PER_SECOND: (Hint(_split("error, errors, failure, failures, retries"), None),),
    Unit.COUNT: (
        Hint(
            _split("concurrent, concurrency, simultaneous, parallel, in flight"), Metric.CONCURRENCY
        ),
        Hint(
            _split("session, sessions, user, users, connection, connections, stream, streams"),
            Metric.CONCURRENCY,
            near=True,
        ),
        Hint(_split("hit, hits, hit rate, hit ratio"), Metric.HIT_RATIO, near=True),
        Hint(_split("error rate, error ratio, failure rate"), Metric.ERROR_RATIO, near=True),
    ),
}
USUAL_METRICS: Final[Mapping[Unit, Metric]] = {
    Unit.SECONDS: Metric.DURATION,
    Unit.BYTES: Metric.MEMORY_RSS,
    Unit.BYTES_PER_SECOND: Metric.DISK_WRITE_RATE,
    Unit.PER_SECOND: Metric.THROUGHPUT,
}
