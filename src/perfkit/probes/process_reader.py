"""Read this process by its files on Linux, else by psutil. The only module that uses psutil."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Generic, TypeVar

import psutil

_T = TypeVar("_T")
_FAILURES: Final = (OSError, ValueError, AttributeError, NotImplementedError)
_TEMPORARY: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class FallbackReader(Generic[_T]):
    """Readers of one value of the machine, the cheapest first.

    A reader that fails permanently (no such file, not allowed, not on this platform) is not tried
    again; one that fails for the moment (too many open files) is. Safe from any thread.

    Args:
        name: The value, as a noun phrase for messages.
        readers: Each returns the value, or raises `OSError` or `ValueError` if it fails, and
            `AttributeError` or `NotImplementedError` if the platform does not have the value.
    """

    def __init__(self, name: str, readers: Sequence[Callable[[], _T]]) -> None:
        self._name = name
        self._readers = tuple(readers)
        self.reason = f"this platform does not report {name}"
        """The reason of the last None from `read`."""

    def read(self) -> _T | None:
        """Return the present value, or None if no reader works."""
        for reader in self._readers:
            try:
                return reader()
            except _FAILURES as error:
                self.reason = self._explain(error)
                if not (isinstance(error, OSError) and error.errno in _TEMPORARY):
                    # A new tuple: other threads may be iterating over the old one.
                    self._readers = tuple(other for other in self._readers if other is not reader)
        return None

    def _explain(self, error: Exception) -> str:
        if isinstance(error, AttributeError | NotImplementedError):
            return f"this platform does not report {self._name}"
        if isinstance(error, PermissionError):
            return f"this process is not allowed to read {self._name}"
        return f"{self._name} could not be read: {error}"


class ProcFiles:
    """Reads this process and the calling thread from the files of Linux below `root`.

    All methods raise `OSError` if a file is missing or not readable, and `ValueError` if its format
    is unknown. Safe from any thread.
    """

    def __init__(self, root: str = "/proc") -> None:
        self._root = root

    def memory(self) -> tuple[int, int]:
        """Return the bytes that are resident, and those of the address space."""
        pages = self._words("self/statm", 7)
        return int(pages[1]) * _PAGE, int(pages[0]) * _PAGE

    def io(self) -> tuple[int, int]:
        """Return the bytes that the process has read from storage and written to it."""
        return _storage(self._words("self/io", 14))

    def thread_io(self) -> tuple[int, int]:
        """Return the bytes that this thread has read from storage and written to it."""
        return _storage(self._words("thread-self/io", 14))

    def open_files(self) -> int:
        """Return the number of open descriptors."""
        folder = f"{self._root}/self/fd"
        count = os.stat(folder).st_size  # noqa: PTH116 - a Path doubles the cost
        if count:
            return count
        return len(list(Path(folder).iterdir())) - 1  # before Linux 6.2; one is the listing's own

    def threads(self) -> int:
        """Return the number of operating system threads of this process."""
        folder = f"{self._root}/self/task"
        count = os.stat(folder).st_nlink - 2  # noqa: PTH116 - a Path doubles the cost
        return count if count > 0 else len(list(Path(folder).iterdir()))  # a folder each

    def _words(self, name: str, count: int) -> list[bytes]:
        path = f"{self._root}/{name}"
        # Opened each time: a descriptor kept open would save 3 microseconds, but shows the parent
        # after a fork, and a program that becomes a daemon closes it by its number.
        fd = os.open(path, os.O_RDONLY)
        try:
            words = os.read(fd, 1024).split()
        finally:
            os.close(fd)
        if len(words) != count:
            raise ValueError(f"{path} has {len(words)} words, not {count}")
        return words


def _storage(words: list[bytes]) -> tuple[int, int]:
    if words[8] != b"read_bytes:" or words[10] != b"write_bytes:":
        raise ValueError("the kernel does not count what is read from storage and written to it")
    return int(words[9]), int(words[11])


class _Psutil:
    """Read this process with psutil; map its errors to the ones that `FallbackReader` handles."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None

    def memory(self) -> tuple[int, int]:
        memory = self._read(lambda own: own.memory_info())
        return memory.rss, memory.vms

    def io(self) -> tuple[int, int]:
        counters = self._read(lambda own: own.io_counters())
        if counters.read_bytes < 0:  # BSD counts operations, not bytes
            raise NotImplementedError
        return counters.read_bytes, counters.write_bytes

    def threads(self) -> int:
        return self._read(lambda own: own.num_threads())

    def open_files(self) -> int:
        return self._read(lambda own: own.num_fds())

    def _read(self, read: Callable[[psutil.Process], _T]) -> _T:
        try:
            # The psutil.Process of the parent would read values of the parent in a forked child.
            if self._process is None or self._process.pid != os.getpid():
                self._process = psutil.Process()
            return read(self._process)
        except psutil.AccessDenied as error:
            raise PermissionError(str(error)) from error
        except psutil.Error as error:
            raise OSError(str(error)) from error


class ProcessReader:
    """Reads all values of this process. Safe from any thread and across a fork.

    Args:
        files: The files of Linux; None on other platforms.
    """

    def __init__(self, files: ProcFiles | None) -> None:
        both: list[ProcFiles | _Psutil] = [_Psutil()] if files is None else [files, _Psutil()]
        self.memory = FallbackReader("the memory of a process", [each.memory for each in both])
        """Bytes resident, and of the address space."""
        self.io = FallbackReader("the disk traffic of a process", [each.io for each in both])
        """Bytes read from storage and written to it, so far."""
        of_thread = [] if files is None else [files.thread_io]
        self.thread_io = FallbackReader("the disk traffic of a thread", of_thread)
        """The same, of the calling thread."""
        self.threads = FallbackReader("the number of threads", [each.threads for each in both])
        self.open_files = FallbackReader(
            "the number of open files", [each.open_files for each in both]
        )


@cache
def shared_reader() -> ProcessReader:
    """Return the process's one reader."""
    return ProcessReader(ProcFiles() if sys.platform == "linux" else None)
