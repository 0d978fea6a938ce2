"""Write to what is no regular file: standard output, pipes, terminals and other devices."""

from __future__ import annotations

import errno
import os
import re
import select
import stat
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from perfkit.errors import DeliveryError
from perfkit.reentrancy import Lock
from perfkit.text import printable

_STREAMS: Final = re.compile(r"/dev/(?!shm/).+|/proc/[^/]+/(?:task/[^/]+/)?fd/.+", re.DOTALL)
"""Names that stand for something open, whatever is behind them; below /dev/shm are usual files."""
_NUMBERED: Final = re.compile(r"/dev/fd/([0-9]+)|/proc/([0-9]+)/(?:task/[0-9]+/)?fd/([0-9]+)")
_STANDARD: Final = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_MOST_LINKS: Final = 40
_PAUSE: Final = 0.001
_NEVER_WAIT: Final = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)


def stream_name(path: Path) -> str | None:
    """Return the name by which `path` stands for something open, such as ``/dev/stdout``.

    Links are followed one by one, and no further than to such a name: what is behind that may be a
    regular file, and is nobody's to rename or to cut.

    Returns:
        The name; None where `path` leads to none.
    """
    return next((name for name in _names(path) if _STREAMS.fullmatch(name)), None)


def find_stream(path: Path) -> str | None:
    """Return the name of what is at `path`, where that is just to be written to, else None."""
    name = stream_name(path)
    if name is not None:
        return name
    try:
        mode = path.stat().st_mode
    except OSError:  # then it is still to be made
        return None
    return None if stat.S_ISREG(mode) else str(path)


def _names(path: Path) -> Iterator[str]:
    """Yield a path, and each that a link leads to, with the folders of it resolved."""
    name = os.fspath(path)
    for _ in range(_MOST_LINKS):
        folder, last = os.path.split(name)
        folder = os.path.realpath(folder)
        name = os.path.join(folder, last)  # noqa: PTH118 - no part of it is to be normalized
        yield name
        try:
            name = os.path.join(folder, os.readlink(name))  # noqa: PTH115, PTH118 - likewise
        except OSError:
            return


class Stream:
    """Writes whole lines to streams, and waits for nobody longer than it may.

    Safe from any thread. Of what belongs to this process, such as its standard output, it shares
    the place to write at, so that neither writes over the other. What is longer than a pipe takes
    at once (4 KiB on Linux) may be mixed with what other processes write.
    """

    def __init__(self) -> None:
        self._files: set[FileIO] = set()
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Let go of what the parent of a fork was writing to."""
        while self._files:
            self._files.pop().close()
        self._one_at_a_time = Lock()
        self._is_cut = False

    def write(self, name: str, data: bytes, give_up_at: float) -> None:
        """Write `data`, whole lines.

        Args:
            name: Of the stream, as `find_stream` returns it.
            data: What to write.
            give_up_at: When to stop waiting for room, by `time.monotonic`.

        Raises:
            DeliveryError: If nobody reads, or nobody makes room in time.
            OSError: If it cannot be written.
        """
        with _open(name) as file:
            self._files.add(file)
            try:
                self._write(file.fileno(), name, data, give_up_at)
            finally:
                self._files.discard(file)

    def _write(self, descriptor: int, name: str, data: bytes, give_up_at: float) -> None:
        if not self._one_at_a_time.acquire(timeout=max(0.0, give_up_at - time.monotonic())):
            raise _too_late(name)
        left = memoryview(b"\n" + data if self._is_cut else data)
        whole = len(left)
        try:
            while left:
                left = left[_write_some(descriptor, left, name, give_up_at) :]
        finally:
            if len(left) < whole:  # the rest of a line that was cut short must not join the next
                self._is_cut = bool(left)
            self._one_at_a_time.release()


def _open(name: str) -> FileIO:
    """Open a stream, without waiting for somebody to read it."""
    try:
        return FileIO(_descriptor_of(name), "w")
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise DeliveryError(
            f"nobody reads {printable(name)}; start what is to read it", reason="unreachable"
        ) from error


def _descriptor_of(name: str) -> int:
    own = _own_descriptor(name)
    if own is None:
        return os.open(name, _NEVER_WAIT)
    if stat.S_ISFIFO(os.fstat(own).st_mode):
        try:  # only what is opened anew can be written to without waiting
            return os.open(name, _NEVER_WAIT)
        except PermissionError:  # it was opened by another user, before this process became ours
            return os.dup(own)
    return os.dup(own)


def _own_descriptor(name: str) -> int | None:
    """Return which descriptor of this process a name stands for; None for none of them."""
    if name in _STANDARD:
        return _STANDARD[name]
    found = _NUMBERED.fullmatch(name)
    if found is None or found[2] not in {None, str(os.getpid())}:
        return None
    return int(found[1] or found[3])


def _write_some(descriptor: int, data: memoryview, name: str, give_up_at: float) -> int:
    """Write the beginning of `data` as soon as there is room; return how much of it."""
    while True:
        seconds = max(0.0, give_up_at - time.monotonic())
        if not _has_room(descriptor, seconds):
            raise _too_late(name)
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # somebody else has taken the room
            if time.monotonic() >= give_up_at:
                raise _too_late(name) from None
            time.sleep(_PAUSE)


def _has_room(descriptor: int, seconds: float) -> bool:
    """Wait until something can be written, or it is known that nothing can; tell whether so."""
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def _too_late(name: str) -> DeliveryError:
    return DeliveryError(f"nobody makes room in {printable(name)}", reason="timeout")
