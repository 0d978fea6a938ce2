"""Evaluate the samples of the reliability benchmark, and format the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

from attrs import Factory, define, field, frozen

from benchmarks.faulty import KINDS
from benchmarks.printing import machine
from benchmarks.results import Exit

LONGEST_MS: Final = 5.0
"""The bound for the time that a violation adds to a call."""


@define
class Latencies:
    """The latency that a violation adds to a call, in milliseconds.

    Args:
        rounds: The added latencies of each round.
        first: That of the first violated call of the process; None if it was not measured.
    """

    rounds: list[list[float]] = Factory(list)
    first: float | None = None

    def set_first(self, durations: Mapping[str, Sequence[int]]) -> None:
        """Set `first` from the durations of the warm-up round."""
        self.first = (durations["violated_ns"][0] - median(durations["met_ns"])) / 1e6

    def add(self, durations: Mapping[str, Sequence[int]]) -> None:
        """Add the durations of one round."""
        met = median(durations["met_ns"])
        self.rounds.append([(violated - met) / 1e6 for violated in durations["violated_ns"]])

    @property
    def all(self) -> list[float]:
        """The added latencies of all rounds."""
        return [latency for latencies in self.rounds for latency in latencies]

    @property
    def over(self) -> int:
        """The number of added latencies over `LONGEST_MS`."""
        return sum(latency > LONGEST_MS for latency in self.all)


@define
class Samples:
    """All measured values.

    Args:
        latencies: The added latencies, by kind of process.
        exit_seconds: The duration of each exit with dead backends, less that without sinks.
        grown_mb: The memory growth of each process.
    """

    latencies: dict[str, Latencies] = field(factory=lambda: {kind: Latencies() for kind in KINDS})
    exit_seconds: list[float] = Factory(list)
    grown_mb: list[float] = Factory(list)


@frozen(kw_only=True)
class ReliabilityRow:
    """One row of the table.

    Args:
        key: The name of the row in JSON.
        title: The name of the row in tables.
        unit: The unit of `result` and `bound`.
        result: The result; None if it was not measured.
        bound: The maximum of the result; None if it is only reported.
    """

    key: str
    title: str
    unit: str
    result: float | None
    bound: float | None = None

    @property
    def within_bound(self) -> bool | None:
        """Whether the result is within its bound; None without a bound or a result."""
        return None if self.bound is None or self.result is None else self.result <= self.bound


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of `share` of `values` does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def evaluate(samples: Samples) -> list[ReliabilityRow]:
    """Return the rows of the table."""
    return [
        *_latency_rows(samples),
        ReliabilityRow(
            key="exit",
            title="exit with dead backends, beyond that without sinks",
            unit="s",
            result=max(samples.exit_seconds, default=None),
            bound=2.0,
        ),
        ReliabilityRow(
            key="memory",
            title="growth with a dead sink",
            unit="MB",
            result=median(samples.grown_mb) if samples.grown_mb else None,
            bound=20.0,
        ),
    ]


def _latency_rows(samples: Samples) -> Iterator[ReliabilityRow]:
    healthy, faulty, bare = (samples.latencies[kind] for kind in KINDS)
    yield from _percentile_rows("healthy", "healthy sinks", healthy)
    yield from _percentile_rows("faulty", "every fault at once", faulty)
    yield ReliabilityRow(
        key="p99_ratio",
        title="p99 with every fault, divided by that with healthy sinks",
        unit="",
        result=_ratio(faulty, healthy),
        bound=2.0,
    )
    yield _longest_row("longest", "longest added latency, every fault", faulty.all, LONGEST_MS)
    first = [] if faulty.first is None else [faulty.first]
    yield _longest_row("first", _FIRST, first, LONGEST_MS)
    yield _longest_row("bare_longest", _BARE, bare.all)
    for kind, name in zip(KINDS, ("healthy sinks", "every fault", "without perfkit"), strict=True):
        latencies = samples.latencies[kind]
        yield ReliabilityRow(
            key=f"{kind}_over",
            title=f"over {LONGEST_MS:g} ms: {name}",
            unit=f"of {len(latencies.all):,} calls",
            result=latencies.over,
        )


_FIRST: Final = "first violated call of a process, every fault"
_BARE: Final = "longest delay of a parallel loop without perfkit"


def _longest_row(
    key: str, title: str, latencies: Sequence[float], bound: float | None = None
) -> ReliabilityRow:
    longest = max(latencies, default=None)
    return ReliabilityRow(key=key, title=title, unit="ms", result=longest, bound=bound)


def _percentile_rows(key: str, title: str, latencies: Latencies) -> Iterator[ReliabilityRow]:
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield ReliabilityRow(
            key=f"{key}_{name}",
            title=f"added latency, {title}: {name}",
            unit="ms",
            result=percentile(latencies.all, share) if latencies.all else None,
        )


def _ratio(faulty: Latencies, healthy: Latencies) -> float | None:
    """Return the median over all rounds, so that a disturbance of a round cancels out."""
    rounds = list(zip(faulty.rounds, healthy.rounds, strict=True))
    if not rounds:
        return None
    return median(percentile(own, 0.99) / percentile(other, 0.99) for own, other in rounds)


def exit_code(rows: Sequence[ReliabilityRow]) -> Exit:
    """Return the exit code; a result with a bound that was not measured never counts as a pass."""
    within = [row.within_bound for row in rows if row.bound is not None]
    if False in within:
        return Exit.EXCEEDED
    return Exit.NOT_MEASURED if None in within else Exit.WITHIN_BOUNDS


# -- printing


_HEAD: Final = ("row", "result", "bound", "within bound")
_WORD: Final = {True: "yes", False: "NO", None: ""}


def _cells(row: ReliabilityRow) -> tuple[str, str, str, str]:
    return (
        row.title,
        "not measured" if row.result is None else f"{row.result:,.3g} {row.unit}".strip(),
        "" if row.bound is None else f"at most {row.bound:g} {row.unit}".strip(),
        _WORD[row.within_bound],
    )


def as_text(rows: Sequence[ReliabilityRow]) -> str:
    """Return a table with aligned columns."""
    lines = [_HEAD, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def as_markdown(rows: Sequence[ReliabilityRow]) -> str:
    """Return a description of the machine and a table, in Markdown."""
    lines = [_HEAD, ("---", "---:", "---", "---"), *map(_cells, rows)]
    return f"Measured on {machine()}.\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_json(rows: Sequence[ReliabilityRow], samples: Samples) -> str:
    """Return all results and the latencies of each round, as JSON."""
    records = [
        {
            "key": row.key,
            "title": row.title,
            "unit": row.unit,
            "result": row.result,
            "bound": row.bound,
            "within_bound": row.within_bound,
        }
        for row in rows
    ]
    rounds = {kind: latencies.rounds for kind, latencies in samples.latencies.items()}
    return json.dumps({"machine": machine(), "rows": records, "latencies_ms": rounds})
