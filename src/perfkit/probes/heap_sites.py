"""Where the memory was allocated that the measured code still held at its end, by tracemalloc.

Where nobody traced before, tracing is on for this call alone, and what is traced at its end is what
it holds. Where tracing was on already, what was held before is taken off, which needs a look at
every traced block: that is done only while there are not too many of them.
"""

from __future__ import annotations

import cProfile
import sys
import threading
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from perfkit.model import Evidence, Metric, Reading
from perfkit.probes.frame_owner import is_library, is_perfkits, is_probes
from perfkit.probes.heap import TRACER
from perfkit.units import Unit, format_quantity

LOST: Final = "traces_lost"
TOO_MANY: Final = "too_many_blocks"
MIXED: Final = "other code ran meanwhile: what it allocated is among this"

FRAMES: Final = 4
"""Each makes allocations dearer, one in a long function by much: its line has to be counted."""

MOST_BLOCKS: Final = 200_000
MOST_OWN_BLOCKS: Final = 500_000
TOP_SITES: Final = 10

_BYTES_OF_A_TRACE: Final = 56
_TOOLS: Final = (tracemalloc.__file__, cProfile.__file__, "<unknown>")

_Trace: TypeAlias = "tuple[tuple[str, int], ...]"
"""File and line of each frame, innermost first."""

_Held: TypeAlias = "dict[_Trace, tuple[int, int]]"
"""Bytes and blocks by where they were allocated."""


class HeapSitesProbe:
    """Finds the lines that allocated what the measured code still holds at its end.

    Reads no metric. Exact where the code runs alone: what other threads allocate meanwhile, or
    other code between the steps of a call that suspends, cannot be told apart, and the evidence
    says so. Code that does nothing but allocate runs 15 times slower meanwhile with one frame, and
    was seen to run up to 110 times slower with four. The look at the blocks takes half a
    microsecond for each, after the call, and before it too where tracing was on already.

    Args:
        frames: How many frames a trace has, where tracing was not on already.
        most_blocks: Where tracing was on already: with more traced blocks than this, none are
            looked at.
        most_own_blocks: The same for a call that has the tracing for itself.
    """

    metrics: Final[frozenset[Metric]] = frozenset()
    explains: Final = "memory"
    slows: Final = "tracemalloc"

    def __init__(
        self,
        frames: int = FRAMES,
        most_blocks: int = MOST_BLOCKS,
        most_own_blocks: int = MOST_OWN_BLOCKS,
    ) -> None:
        self._frames = frames
        self._most_blocks = most_blocks
        self._most_own_blocks = most_own_blocks

    def open(self) -> _HeapSitesSession:
        """Begin a session; tracing starts here if it was not on."""
        is_alone = not tracemalloc.is_tracing()
        most = self._most_own_blocks if is_alone else self._most_blocks
        return _HeapSitesSession(self._frames, most, is_alone=is_alone)


class _HeapSitesSession:
    __slots__ = ("_after", "_before", "_is_mixed", "_most", "_note", "_sentinel", "_steps")

    def __init__(self, frames: int, most: int, *, is_alone: bool) -> None:
        self._most = most
        self._steps = 0
        self._note = ""
        self._before: _Held = {}
        self._after: tracemalloc.Snapshot | None = None
        self._is_mixed = _others_run()
        TRACER.acquire(self, frames)
        try:
            if not is_alone:
                self._look_before()
            self._sentinel = object()  # allocated while tracing: the tracer must know it at the end
        except BaseException:
            TRACER.release(self)
            raise

    def resume(self) -> None:
        self._steps += 1

    def suspend(self) -> None:
        """Do nothing: what is held is looked at once, at the end."""

    def close(self) -> Mapping[Metric, Reading]:
        try:
            self._look_after()
        finally:
            TRACER.release(self)
        self._is_mixed = self._is_mixed or self._steps > 1 or _others_run()
        return {}

    def evidence(self) -> Sequence[Evidence]:
        snapshot, self._after = self._after, None
        held = _held_in(snapshot) if snapshot is not None else {}
        rows = _top_sites(_grown(held, self._before))
        self._before = {}
        note = self._note or (MIXED if self._is_mixed else "")
        return (Evidence(kind="memory", summary=_summary(rows), rows=rows, note=note),)

    def _look_before(self) -> None:
        if _most_traces() > self._most:
            self._note = TOO_MANY
        else:
            self._before = _held_in(tracemalloc.take_snapshot())

    def _look_after(self) -> None:
        if tracemalloc.get_object_traceback(self._sentinel) is None:
            self._note = LOST
        elif _most_traces() > self._most:
            self._note = TOO_MANY
        elif not self._note:
            self._after = tracemalloc.take_snapshot()


def _others_run() -> bool:
    """Tell whether threads run that are neither this one nor perfkit's."""
    threads = [each for each in threading.enumerate() if not each.name.startswith("perfkit-")]
    return len(threads) > 1


def _most_traces() -> int:
    """Return a number that the traced blocks are not above. Takes about a microsecond."""
    tracers_own = tracemalloc.get_tracemalloc_memory()
    return min(sys.getallocatedblocks(), tracers_own // _BYTES_OF_A_TRACE)


def _held_in(snapshot: tracemalloc.Snapshot) -> _Held:
    """Add up what `snapshot` holds, by trace.

    Tracing may still be on and makes each allocation cost a microsecond, so the sums are made from
    lists of sizes that exist already. `Snapshot.statistics` is 50 times slower then.
    """
    sizes: defaultdict[_Trace, list[int]] = defaultdict(list)
    traces: Any = snapshot.traces
    for trace in traces._traces:  # noqa: SLF001 - the public way makes two objects of each block
        sizes[trace[2]].append(trace[1])
    return {trace: (sum(each), len(each)) for trace, each in sizes.items()}


def _grown(after: _Held, before: _Held) -> _Held:
    """Return what the user's code holds more of than before."""
    grown: _Held = {}
    for trace, (size, blocks) in after.items():
        known_size, known_blocks = before.get(trace, (0, 0))
        if size > known_size and _is_users(trace):
            grown[trace] = (size - known_size, max(1, blocks - known_blocks))
    return grown


def _is_users(trace: _Trace) -> bool:
    """Tell whether the measured code allocated this, and not perfkit around it."""
    innermost = trace[0][0]
    if is_perfkits(innermost) or innermost in _TOOLS:
        return False
    files = (file for file, _ in trace)
    return not is_probes(next((each for each in files if _is_somebodys(each)), ""))


def _is_somebodys(file: str) -> bool:
    return is_perfkits(file) or not is_library(file)


def _top_sites(held: _Held) -> tuple[Mapping[str, Any], ...]:
    """Return the lines that hold the most bytes, the largest first."""
    sites: defaultdict[tuple[str, int], Counter[_Trace]] = defaultdict(Counter)
    blocks: Counter[tuple[str, int]] = Counter()
    for trace, (size, number) in held.items():
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
        "trace": _written(trace),
    }


def _written(trace: Iterable[tuple[str, int]]) -> str:
    return " <- ".join(f"{Path(file).name}:{line}" for file, line in trace)


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    top = rows[0]
    size = format_quantity(float(top["bytes"]), Unit.BYTES)
    blocks = f"{top['blocks']} block" + ("s" if top["blocks"] != 1 else "")
    origin = f", from {Path(top['origin']).name}" if top["origin"] else ""
    return f"{size} in {blocks} at {Path(top['file']).name}:{top['line']}{origin}"
