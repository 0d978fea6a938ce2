"""Repair the last line of a file after a writer was killed in the middle of it."""

from __future__ import annotations

import os
from typing import Final

FURTHEST: Final = 1024 * 1024
"""Bytes at the end of a file that are read: a line of perfkit is shorter."""
_BLOCK: Final = 65_536
_TORN: Final = (b"{", b"\0")
"""The beginning of a torn line: that of every line, or zeros after a power cut."""


def repair_last_line(descriptor: int) -> None:
    """Remove a torn line from the end of a file, and add a line end to any other text there.

    A last line longer than `FURTHEST` is not read, and stays.

    Args:
        descriptor: Of the file, open for reading and appending, and locked.

    Raises:
        OSError: If the file cannot be read or written.
    """
    size = os.fstat(descriptor).st_size
    end = _end_of_lines(descriptor, size)
    if end == size:
        return
    if end is not None and _is_torn(os.pread(descriptor, size - end, end)):
        os.ftruncate(descriptor, end)
    else:
        os.write(descriptor, b"\n")


def _end_of_lines(descriptor: int, size: int) -> int | None:
    """Return the offset after the last line end; None if that is too far away."""
    end, furthest = size, max(0, size - FURTHEST)
    while end > furthest:
        start = max(furthest, end - _BLOCK if end < size else end - 1)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return None if furthest else 0


def _is_torn(tail: bytes) -> bool:
    """Return whether this is an incomplete line of a sink, and not the text of another program."""
    import json  # noqa: PLC0415 - for torn lines only

    if not tail.startswith(_TORN):
        return False
    try:
        json.loads(tail)
    except ValueError:
        return True
    except RecursionError:  # deeper than any line of a sink
        return False
    return False
