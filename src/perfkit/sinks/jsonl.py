"""Append violations to a file, one JSON object a line."""

from __future__ import annotations

import os
from pathlib import Path

from perfkit.model import Violation
from perfkit.sinks.record import as_record


class JsonLinesSink:
    """Appends each violation to a file as one line of JSON.

    A line is written with a single ``write`` to a descriptor opened for appending, so that several
    threads and processes can share one file on a local disk. The file is opened for each line and
    so may be rotated or removed at any time; missing folders are made.

    Args:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def emit(self, violation: Violation) -> None:
        """Append one line; raises OSError where the file cannot be written."""
        import json  # noqa: PLC0415 - loads when first needed

        line = json.dumps(as_record(violation), ensure_ascii=False, allow_nan=False) + "\n"
        data = line.encode("utf-8", errors="backslashreplace")
        descriptor = self._open()
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            return os.open(self._path, flags, 0o644)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, flags, 0o644)
