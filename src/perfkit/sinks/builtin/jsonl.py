"""Append violations to a regular file, one JSON object a line."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.forks import register_after_fork
from perfkit.model import Violation
from perfkit.model.record import as_json
from perfkit.model.violation import as_record
from perfkit.reentrancy import Lock, busy
from perfkit.sinks.arguments import checked_count, checked_flag, checked_path
from perfkit.text import printable

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

_SHORTEST_PAUSE: Final = 0.0002
_LONGEST_PAUSE: Final = 0.002
"""Seconds between two attempts to lock. The system has no queue for a lock that is polled, so a
longer pause would mean a longer wait behind writers with a shorter one."""

_FURTHEST: Final = 1024 * 1024
"""Bytes at the end of a file that are read: a line of perfkit is shorter."""

_STREAMS: Final = re.compile(r"/dev/(?!shm/).+|/proc/[^/]+/(?:task/[^/]+/)?fd/.+", re.DOTALL)
"""Names of open streams, which may lead to a regular file; files below /dev/shm are regular."""


class JsonLinesSink:
    """Appends each violation to a file as one line of strict JSON.

    The file contains whole lines only. Any number of threads and processes may append to one file
    through this sink: each locks the file (``flock``) while it writes. The file is opened for each
    batch, so it may be removed or renamed at any time; missing folders are made.

    - A process that is killed can leave the beginning of a line at the end of the file, which the
      next writer removes. Any other text there, and a line longer than 1 MiB, gets a line end.
    - If the disk gets full in the middle of a batch, none of it stays.
    - Numbers that JSON lacks are text: ``"Infinity"``, ``"-Infinity"``, ``"NaN"``.

    Without locks on files (Windows, some network drives) each batch is one write at the end of the
    file: use a file for each process there. Nothing is removed then, and there is no rotation.

    Args:
        path: A regular file, which may not exist yet; `LogSink` writes JSON to streams.
        max_bytes: The largest size of the file, at least 1; None means any size. Before a batch
            that would exceed it, ``path`` is renamed to ``path.1``, that to ``path.2`` and so on;
            if ``path`` is a link, its target is renamed. A batch is never split, so a larger batch
            makes a larger file. Either this sink or another program may rotate a file, not both.
        keep: The number of renamed files to keep, at least 1; the oldest is removed.
        fsync: Whether to wait for the disk, for each batch.

    Raises:
        ConfigurationError: If an argument is of the wrong kind or too small, if `path` is not a
            regular file, or if `max_bytes` is given without locks.
    """

    lock_seconds = 5.0
    """The longest wait for the lock, in seconds: its owner may be a stopped process."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        keep: int = 5,
        fsync: bool = False,
    ) -> None:
        self._path = checked_path("path", path, "violations.jsonl")
        is_other = self._path.exists() and not (self._path.is_file() or self._path.is_dir())
        if is_other or _STREAMS.fullmatch(str(self._path)):
            raise ConfigurationError(
                f"path is {self._shown}, which is not a regular file; write the path of a file, or "
                'use the sink log with form = "json" for streams'
            )
        self._max_bytes = None if max_bytes is None else self._checked_size(max_bytes)
        self._keep = checked_count("keep", keep, "5 for the newest 5 files")
        self._fsync = checked_flag("fsync", fsync)
        self._files: set[FileIO] = set()
        self.after_fork_in_child()
        register_after_fork(self)

    def _checked_size(self, max_bytes: int) -> int:
        if not _HAS_LOCKS:
            raise ConfigurationError("max_bytes needs locks on files, which this system lacks")
        return checked_count("max_bytes", max_bytes, "20_000_000 for 20 MB")

    @property
    def destination(self) -> str:
        """The destination, for people."""
        return f"file {self._shown}"

    @property
    def _shown(self) -> str:
        return printable(str(self._path))

    def after_fork_in_child(self) -> None:
        """Close the files that the parent of a fork was writing: their locks are shared."""
        while self._files:
            self._files.pop().close()
        self._one_at_a_time = Lock()

    def emit(self, violation: Violation) -> None:
        """Append one line; raise as `emit_many` does."""
        self.emit_many((violation,))

    def emit_many(self, violations: Sequence[Violation]) -> None:
        """Append one line for each violation: all of them, or it raises.

        Raises:
            OSError: If the file cannot be written.
            DeliveryError: If the file stayed locked, or is not a regular file.
        """
        lines = "".join(f"{as_json(as_record(violation))}\n" for violation in violations)
        give_up_at = time.monotonic() + self.lock_seconds
        with busy:
            while not self._append(lines.encode(), give_up_at):
                if time.monotonic() > give_up_at:
                    raise self._too_late()

    def _append(self, data: bytes, give_up_at: float) -> bool:
        """Append `data`; return whether the file was still at the path and had room."""
        with self._open() as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DeliveryError(f"{self._shown} is not a regular file", is_permanent=True)
            self._files.add(file)
            try:
                if not self._lock(file, give_up_at):
                    self._write_unlocked(file.fileno(), data)
                    return True
                path = Path(os.path.realpath(self._path))
                if not _is_at(path, file):
                    return False
                _repair_last_line(file.fileno())
                if self._is_full(file, len(data)):
                    self._rotate(path)
                    return False
                self._write(file, data, path.parent)
                return True
            finally:
                self._files.discard(file)
                _unlock(file)

    def _open(self) -> FileIO:
        try:
            return open(self._path, "a+b", buffering=0, opener=_for_all_to_read)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return open(self._path, "a+b", buffering=0, opener=_for_all_to_read)

    def _lock(self, file: FileIO, give_up_at: float) -> bool:
        """Wait for the lock; return False if the system has none for this file."""
        if not _HAS_LOCKS:
            return False
        pause = _SHORTEST_PAUSE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise self._too_late() from None
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except OSError:
                if self._max_bytes is not None:
                    raise
                return False
            else:
                return True

    def _too_late(self) -> DeliveryError:
        return DeliveryError(
            f"{self._shown} was locked for {self.lock_seconds:g} s", reason="timeout"
        )

    def _is_full(self, file: FileIO, more: int) -> bool:
        size = os.fstat(file.fileno()).st_size
        return self._max_bytes is not None and size > 0 and size + more > self._max_bytes

    def _rotate(self, path: Path) -> None:
        """Rename the file at `path`, as the last step. The caller has the lock.

        If a process was killed in the middle of this, a number is free, and no file is removed.
        """
        older = [Path(f"{path}.{number}") for number in range(1, self._keep + 1)]
        free = next((index for index, name in enumerate(older) if not name.exists()), None)
        last = self._keep - 1 if free is None else free
        for index in range(last, 0, -1):
            os.replace(older[index - 1], older[index])  # noqa: PTH105 - documented as atomic
        os.replace(path, older[0])  # noqa: PTH105 - as above

    def _write_unlocked(self, descriptor: int, data: bytes) -> None:
        with self._one_at_a_time:
            _write_all(descriptor, data)
        if self._fsync:
            os.fsync(descriptor)

    def _write(self, file: FileIO, data: bytes, folder: Path) -> None:
        """Append all of `data`, or nothing."""
        descriptor = file.fileno()
        end = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, data)
            if self._fsync:
                os.fsync(descriptor)
                if not end:
                    _fsync_folder(folder)
        except BaseException:
            if os.fstat(descriptor).st_size > end:
                os.ftruncate(descriptor, end)
            raise


def _for_all_to_read(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def _unlock(file: FileIO) -> None:
    """Unlock the file, also for a child that was forked in the meantime."""
    if _HAS_LOCKS:
        with suppress(OSError):  # it was not locked
            fcntl.flock(file, fcntl.LOCK_UN)


def _is_at(path: Path, file: FileIO) -> bool:
    """Return whether `file` is still the one at `path`, neither removed nor renamed."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _repair_last_line(descriptor: int) -> None:
    """Remove a torn line from the end of a locked file, and end any other text there."""
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    start = max(0, size - _FURTHEST)
    _, end, tail = os.pread(descriptor, _FURTHEST, start).rpartition(b"\n")
    if (end or not start) and _is_torn(tail):
        os.ftruncate(descriptor, size - len(tail))
    else:
        os.write(descriptor, b"\n")


def _is_torn(tail: bytes) -> bool:
    """Return whether this is an incomplete line of a sink, and not the text of another program."""
    import json  # noqa: PLC0415 - for torn lines only

    if not tail.startswith((b"{", b"\0")):  # zeros are there after a power cut
        return False
    try:
        json.loads(tail)
    except ValueError:
        return True
    except RecursionError:  # deeper than any line of a sink
        return False
    return False
