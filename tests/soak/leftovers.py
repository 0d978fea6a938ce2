"""What perfkit may have left in the process."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from contextlib import suppress
from pathlib import Path

import psutil
from attrs import frozen


@frozen
class Traces:
    """Everything in the process that a probe or a thread of perfkit touches.

    Two that are equal say that nothing was left behind.
    """

    threads: frozenset[str]
    open_files: tuple[str, ...]
    hooks: tuple[object, ...]
    is_tracing: bool
    profiler: object
    tools: tuple[str | None, ...]


def traces() -> Traces:
    """Return them as they are now."""
    return Traces(
        threads=frozenset(f"{thread.name} {thread.ident}" for thread in threading.enumerate()),
        open_files=_open_files(),
        hooks=tuple(gc.callbacks),
        is_tracing=tracemalloc.is_tracing(),
        profiler=sys.getprofile(),
        tools=_tools(),
    )


def _open_files() -> tuple[str, ...]:
    """Return what is open; on Linux each with its name, elsewhere only how many."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return ("open",) * psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else ()
    names = []
    for descriptor in folder.iterdir():
        with suppress(OSError):  # that of the listing itself is gone
            name = str(descriptor.readlink())
            if not name.startswith("/proc/"):  # kept open for reading while anybody may want to
                names.append(f"{descriptor.name} {name}")
    return tuple(sorted(names))


def _tools() -> tuple[str | None, ...]:
    if sys.version_info < (3, 12):
        return ()
    return tuple(sys.monitoring.get_tool(number) for number in range(6))


def resident_bytes() -> int:
    """Return the resident set of the process."""
    size: int = psutil.Process().memory_info().rss
    return size
