"""What was measured of reliability, held against the bars, and the table of that."""

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
"""What a violated call may take longer than one that is not."""


@define
class Latencies:
    """What violated calls took beyond one that is not violated, in milliseconds.

    Args:
        rounds: By round.
        first: The very first one of the process; None where that was not measured.
    """

    rounds: list[list[float]] = Factory(list)
    first: float | None = None

    def take_first(self, answer: Mapping[str, Sequence[int]]) -> None:
        """Take the answer of the round that warms a process up: its first violated call counts."""
        self.first = (answer["broken_ns"][0] - median(answer["kept_ns"])) / 1e6

    def add(self, answer: Mapping[str, Sequence[int]]) -> None:
        """Take the answer of one round."""
        kept = median(answer["kept_ns"])
        self.rounds.append([(took - kept) / 1e6 for took in answer["broken_ns"]])

    @property
    def all(self) -> list[float]:
        """Those of every round."""
        return [each for taken in self.rounds for each in taken]

    @property
    def over(self) -> int:
        """How many were longer than may be."""
        return sum(each > LONGEST_MS for each in self.all)


@define
class Figures:
    """All that was measured.

    Args:
        latencies: By kind of process.
        exit_seconds: What an exit took with dead backends, beyond one without sinks.
        grown_mb: By how much each process grew.
    """

    latencies: dict[str, Latencies] = field(factory=lambda: {kind: Latencies() for kind in KINDS})
    exit_seconds: list[float] = Factory(list)
    grown_mb: list[float] = Factory(list)


@frozen(kw_only=True)
class Bar:
    """One line of the table.

    Args:
        key: Its name in JSON.
        title: Its name for people.
        unit: Of `figure` and `must`.
        figure: What was measured; None if nothing was.
        must: The most that it may be; None where it is only told.
    """

    key: str
    title: str
    unit: str
    figure: float | None
    must: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether it is kept; None where there is nothing to keep, or nothing was measured."""
        return None if self.must is None or self.figure is None else self.figure <= self.must


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share of `values` does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def judge(figures: Figures) -> list[Bar]:
    """Return the lines of the table."""
    return [
        *_bars_of_latency(figures),
        Bar(
            key="exit",
            title="exit with dead backends, beyond that without sinks",
            unit="s",
            figure=max(figures.exit_seconds, default=None),
            must=2.0,
        ),
        Bar(
            key="memory",
            title="growth with a dead sink",
            unit="MB",
            figure=median(figures.grown_mb) if figures.grown_mb else None,
            must=20.0,
        ),
    ]


def _bars_of_latency(figures: Figures) -> Iterator[Bar]:
    healthy, faulty, bare = (figures.latencies[kind] for kind in KINDS)
    yield from _told("healthy", "healthy sinks", healthy)
    yield from _told("faulty", "every fault at once", faulty)
    yield Bar(
        key="p99_ratio",
        title="the p99 of every fault by the healthy one",
        unit="",
        figure=_ratio(faulty, healthy),
        must=2.0,
    )
    yield _longest("longest", "the longest of every fault", faulty.all, LONGEST_MS)
    first = [] if faulty.first is None else [faulty.first]
    yield _longest("first", _FIRST, first, LONGEST_MS)
    yield _longest("bare_longest", _HICCUP, bare.all)
    for kind, name in zip(KINDS, ("healthy sinks", "every fault", "without perfkit"), strict=True):
        latencies = figures.latencies[kind]
        yield Bar(
            key=f"{kind}_over",
            title=f"over {LONGEST_MS:g} ms: {name}",
            unit=f"of {len(latencies.all):,} calls",
            figure=latencies.over,
        )


_FIRST: Final = "the first violated call of a process, every fault"
_HICCUP: Final = "the longest hiccup of a loop without perfkit beside it"


def _longest(key: str, title: str, took: Sequence[float], must: float | None = None) -> Bar:
    return Bar(key=key, title=title, unit="ms", figure=max(took, default=None), must=must)


def _told(key: str, title: str, latencies: Latencies) -> Iterator[Bar]:
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figure = percentile(latencies.all, share) if latencies.all else None
        yield Bar(
            key=f"{key}_{name}", title=f"added latency, {title}: {name}", unit="ms", figure=figure
        )


def _ratio(faulty: Latencies, healthy: Latencies) -> float | None:
    """Return the median over all rounds, so that what disturbs a whole round cancels."""
    rounds = list(zip(faulty.rounds, healthy.rounds, strict=True))
    if not rounds:
        return None
    return median(percentile(own, 0.99) / percentile(other, 0.99) for own, other in rounds)


def exit_code(bars: Sequence[Bar]) -> Exit:
    """Return what to end with; a bar that was not measured is not taken for one that holds."""
    held = [bar.holds for bar in bars if bar.must is not None]
    if False in held:
        return Exit.BROKEN
    return Exit.NOT_MEASURED if None in held else Exit.HOLDS


# -- printing


_HEAD: Final = ("what", "figure", "must", "holds")
_WORD: Final = {True: "yes", False: "NO", None: ""}


def _cells(bar: Bar) -> tuple[str, str, str, str]:
    show = (lambda figure: f"{figure:,.3g} {bar.unit}".strip()) if bar.figure is not None else str
    return (
        bar.title,
        "not measured" if bar.figure is None else show(bar.figure),
        "" if bar.must is None else f"at most {bar.must:g} {bar.unit}".strip(),
        _WORD[bar.holds],
    )


def as_text(bars: Sequence[Bar]) -> str:
    """Return a table with aligned columns."""
    lines = [_HEAD, *map(_cells, bars)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def as_markdown(bars: Sequence[Bar]) -> str:
    """Return a table for a Markdown page, under the machine it was measured on."""
    lines = [_HEAD, ("---", "---:", "---", "---"), *map(_cells, bars)]
    return f"Measured on {machine()}.\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_json(bars: Sequence[Bar], figures: Figures) -> str:
    """Return all figures."""
    records = [
        {
            "key": bar.key,
            "title": bar.title,
            "unit": bar.unit,
            "figure": bar.figure,
            "must": bar.must,
            "holds": bar.holds,
        }
        for bar in bars
    ]
    rounds = {kind: each.rounds for kind, each in figures.latencies.items()}
    return json.dumps({"machine": machine(), "bars": records, "latencies_ms": rounds})
