"""The lines that allocated the memory that a call did not free, by tracemalloc.

If tracing was off, it is on for this call alone, and the traced blocks at its end are the call's.
If it was on already, the blocks from before the call are subtracted, which needs a snapshot of
every traced block: it is made only up to a number of blocks.
"""

from __future__ import annotations

import cProfile
import sys
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from perfkit.model import Evidence, Metric, Reading
from perfkit.probes.base import Session
from perfkit.probes.frame_owner import is_library, is_perfkits, is_probes, other_threads_run
from perfkit.probes.heap import TRACER
from perfkit.units import Unit, format_quantity

LOST: Final = "traces_lost"
TOO_MANY: Final = "too_many_blocks"
MIXED: Final = "other code ran meanwhile: its allocations are included"

FRAMES: Final = 4
"""Code that only allocates runs 15 times slower with one frame, and up to 110 times with four."""

MOST_BLOCKS: Final = 200_000
"""The most traced blocks for a snapshot, if tracing was on already."""

MOST_OWN_BLOCKS: Final = 500_000
"""The same if tracing was off before."""

TOP_SITES: Final = 10

_BYTES_OF_A_TRACE: Final = 56
# Files whose allocations are of the measuring: a profile of the same armed call grows too.
_TOOLS: Final = (tracemalloc.__file__, cProfile.__file__, "<unknown>")

_Trace: TypeAlias = "tuple[tuple[str, int], ...]"
"""File and line of each frame, innermost first."""

_Sizes: TypeAlias = "dict[_Trace, tuple[int, int]]"
"""Bytes and blocks by where they were allocated."""


class HeapSitesProbe:
    """Finds the lines that allocated memory that the measured code did not free.

    Reads no metric. Exact while the code runs alone: allocations of other threads, and of other
    code between the steps of a call that suspends, are included, and the evidence has a note of
    that. A snapshot costs half a microsecond for each block, after the call, and before it too if
    tracing was on already.
    """

    metrics: Final[frozenset[Metric]] = frozenset()
    explains: Final = "memory"
    slows: Final = "tracemalloc"

    def open(self) -> _HeapSitesSession:
        """Begin a session; this starts tracing if it was off."""
        return _HeapSitesSession()


class _HeapSitesSession(Session):
    def __init__(self) -> None:
        is_alone = not tracemalloc.is_tracing()
        self._most = MOST_OWN_BLOCKS if is_alone else MOST_BLOCKS
        self._steps = 0
        self._note = ""
        self._before: _Sizes = {}
        self._after: tracemalloc.Snapshot | None = None
        self._is_mixed = other_threads_run()
        TRACER.acquire(self, FRAMES)
        try:
            if not is_alone and self._may_look():
                self._before = _sizes_in(tracemalloc.take_snapshot())
            self._sentinel = object()  # allocated while tracing: its trace must exist at the end
        except BaseException:
            TRACER.release(self)
            raise

    def resume(self) -> None:
        self._steps += 1

    def close(self) -> Mapping[Metric, Reading]:
        try:
            if tracemalloc.get_object_traceback(self._sentinel) is None:
                self._note = LOST
            elif self._may_look():
                self._after = tracemalloc.take_snapshot()
        finally:
            TRACER.release(self)
        self._is_mixed = self._is_mixed or self._steps > 1 or other_threads_run()
        return {}

    def evidence(self) -> Sequence[Evidence]:
        snapshot, self._after = self._after, None
        sizes = _sizes_in(snapshot) if snapshot is not None else {}
        rows = _top_sites(_grown(sizes, self._before))
        self._before = {}
        note = self._note or (MIXED if self._is_mixed else "")
        return (Evidence(kind="memory", summary=_summary(rows), rows=rows, note=note),)

    def _may_look(self) -> bool:
        """Return whether the blocks are few enough for a snapshot; else note that."""
        # An upper bound of the number of traced blocks, in about a microsecond.
        traces = tracemalloc.get_tracemalloc_memory() // _BYTES_OF_A_TRACE
        if min(sys.getallocatedblocks(), traces) > self._most:
            self._note = TOO_MANY
        return not self._note


def _sizes_in(snapshot: tracemalloc.Snapshot) -> _Sizes:
    """Sum up the blocks of `snapshot` by trace."""
    # Tracing may still be on, so that each allocation costs a microsecond: the sums are made from
    # lists of sizes that exist already. `Snapshot.statistics` would be 50 times slower.
    sizes: defaultdict[_Trace, list[int]] = defaultdict(list)
    traces: Any = snapshot.traces
    for trace in traces._traces:  # noqa: SLF001 - the public way makes two objects of each block
        sizes[trace[2]].append(trace[1])
    return {trace: (sum(each), len(each)) for trace, each in sizes.items()}


def _grown(after: _Sizes, before: _Sizes) -> _Sizes:
    """Return the sizes that grew, of the user's code."""
    grown: _Sizes = {}
    for trace, (size, blocks) in after.items():
        old_size, old_blocks = before.get(trace, (0, 0))
        if size > old_size and _is_users(trace):
            grown[trace] = (size - old_size, max(1, blocks - old_blocks))
    return grown


def _is_users(trace: _Trace) -> bool:
    """Return whether the measured code allocated this, and not perfkit around it."""
    innermost = trace[0][0]
    if is_perfkits(innermost) or innermost in _TOOLS:
        return False
    owners = (file for file, _ in trace if is_perfkits(file) or not is_library(file))
    return not is_probes(next(owners, ""))


def _top_sites(sizes: _Sizes) -> tuple[Mapping[str, Any], ...]:
    """Return the lines that allocated the most bytes, the largest first."""
    sites: defaultdict[tuple[str, int], Counter[_Trace]] = defaultdict(Counter)
    blocks: Counter[tuple[str, int]] = Counter()
    for trace, (size, number) in sizes.items():
        sites[trace[0]][trace] = size
        blocks[trace[0]] += number
    largest = sorted(sites, key=lambda site: sites[site].total(), reverse=True)
    return tuple(_row(site, sites[site], blocks[site]) for site in largest[:TOP_SITES])


def _row(site: tuple[str, int], sizes: Counter[_Trace], blocks: int) -> Mapping[str, Any]:
    trace = [each for each in sizes.most_common(1)[0][0] if not is_perfkits(each[0])]
    origin = next((each for each in trace if not is_library(each[0])), site)
    return {
        "file": site[0],
        "line": site[1],
        "bytes": sizes.total(),
        "blocks": blocks,
        "origin": "" if origin == site else f"{origin[0]}:{origin[1]}",
        "trace": " <- ".join(f"{Path(file).name}:{line}" for file, line in trace),
    }


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    top = rows[0]
    size = format_quantity(float(top["bytes"]), Unit.BYTES)
    blocks = f"{top['blocks']} block" + ("s" if top["blocks"] != 1 else "")
    origin = f", from {Path(top['origin']).name}" if top["origin"] else ""
    return f"{size} in {blocks} at {Path(top['file']).name}:{top['line']}{origin}"
