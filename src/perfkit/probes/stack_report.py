"""Turn samples of the stack into evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from perfkit.model import Evidence
from perfkit.probes.frame_owner import is_library
from perfkit.probes.frames import OTHERS, Place, Stack

MOST_ROWS: Final = 10


def report(counts: Mapping[Stack, int], note: str) -> Evidence:
    """Return the evidence in `counts`.

    A row is a function of the user's including the libraries that it called, the most frequent
    first, with its most frequent line and stack. The detail maps collapsed stacks,
    ``"outer (file:line);inner (file:line)"``, to their counts.

    Args:
        counts: Number of samples of each stack.
        note: A note on all of it.
    """
    total = sum(counts.values())
    rows = tuple(_row(stacks, total) for stacks in _by_function(counts)[:MOST_ROWS])
    detail: Counter[str] = Counter()
    for stack, count in counts.items():
        detail[_collapsed(stack)] += count
    summary = ""
    if rows:
        top = rows[0]
        place = f" ({Path(top['file']).name}:{top['line']})" if top["file"] else ""
        samples = f"{total} sample" + ("s" if total != 1 else "")
        summary = f"{top['share']:.0%} of {samples} in {top['function']}{place}"
    return Evidence(kind="stack", summary=summary, rows=rows, note=note, detail=dict(detail))


def _by_function(counts: Mapping[Stack, int]) -> list[Counter[Stack]]:
    groups: dict[tuple[str, ...], Counter[Stack]] = defaultdict(Counter)
    for stack, count in counts.items():
        place = _users_place(stack)
        groups[place.module, place.name, place.file][stack] = count
    return sorted(groups.values(), key=lambda stacks: (OTHERS in stacks, -stacks.total()))


def _row(stacks: Counter[Stack], total: int) -> Mapping[str, Any]:
    lines: Counter[Place] = Counter()
    for stack, count in stacks.items():
        lines[_users_place(stack)] += count
    place = lines.most_common(1)[0][0]
    most_frequent = stacks.most_common(1)[0][0]
    return {
        "function": _function(place),
        "file": place.file,
        "line": place.line,
        "samples": stacks.total(),
        "share": stacks.total() / total,
        "stack": _collapsed(most_frequent),
    }


def _users_place(stack: Stack) -> Place:
    """Return the innermost place in the user's own code; else the innermost of all."""
    own = (place for place in reversed(stack) if place.file and not is_library(place.file))
    return next(own, stack[-1])


def _collapsed(stack: Stack) -> str:
    return ";".join(_label(place) for place in stack)


def _label(place: Place) -> str:
    """Return a place for a collapsed stack, without its separators: ``;`` and line ends."""
    where = f" ({Path(place.file).name}:{place.line})" if place.file else ""
    text = f"{_function(place)}{where}".replace(";", ",")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _function(place: Place) -> str:
    return f"{place.module}.{place.name}" if place.module else place.name
