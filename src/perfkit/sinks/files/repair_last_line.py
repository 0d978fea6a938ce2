"""Let a file of lines end with a whole line, after somebody was killed in the middle of one."""

from __future__ import annotations

import os
from typing import Final

FURTHEST: Final = 1024 * 1024
"""How far from its end a file is looked at, in bytes: a line of perfkit's own is shorter."""
_BLOCK: Final = 65_536
_TORN: Final = (b"{", b"\0")
"""How a torn line begins: as every line does, or, after a power cut, with what is on no disk."""


def mend(descriptor: int) -> None:
    """Take off a torn line from the end of a file, and give anything else there a line end.

    A last line longer than `FURTHEST` is not looked at any closer, and stays.

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
    """Return where the last line that has an end does so; None where that is too far away."""
    end, furthest = size, max(0, size - FURTHEST)
    while end > furthest:
        start = max(furthest, end - _BLOCK if end < size else end - 1)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return None if furthest else 0


def _is_torn(tail: bytes) -> bool:
    """Tell whether a write of a sink was stopped here: nobody else's text is to be taken off."""
    import json  # noqa: PLC0415 - loads when first needed

    if not tail.startswith(_TORN):
        return False
    try:
        json.loads(tail)
    except ValueError:
        return True
    except RecursionError:  # no sink nests so deep
        return False
    return False
