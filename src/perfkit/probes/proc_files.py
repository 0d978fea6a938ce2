"""Read the files of Linux about this process, through descriptors that stay open.

Opening a file of `/proc` costs several times as much as reading it. An open descriptor has two
traps: after a fork it still shows the parent, so it is opened again; and a program that becomes a
daemon closes every descriptor by its number, so one that is no longer ours is neither read nor
closed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class _Descriptor:
    """An open descriptor that closes with its last reference.

    It may be shared by threads: a reader has a reference, so that it does not close meanwhile.
    """

    __slots__ = ("_identity", "fd", "pid")

    def __init__(self, path: str) -> None:
        # For `__del__`, if opening fails.
        self.fd = -1
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.pid = os.getpid()
        self._identity = _identity_of(self.fd)

    # `close` is bound early, because module globals may be None at the end of the interpreter.
    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self.fd < 0:
            return
        try:  # when the interpreter ends, this module may be empty already
            if _identity_of(self.fd) == self._identity:
                close(self.fd)
        except (OSError, TypeError):
            pass


def _identity_of(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


class KeptFile:
    """A small file of numbers whose descriptor stays open from the first `read` until `close`.

    Reading at offset 0 returns the present numbers. Child processes that run another program do not
    inherit the descriptor; a forked child opens its own. Safe from any thread.

    Args:
        path: The file.
        words: Number of its words, to detect another file under the same descriptor.
    """

    __slots__ = ("_descriptor", "_path", "_words")

    def __init__(self, path: str, *, words: int) -> None:
        self._path = path
        self._words = words
        self._descriptor: _Descriptor | None = None

    def read(self) -> list[bytes]:
        """Return the words of the file; open it again if its descriptor is no longer ours.

        Raises:
            OSError: If it cannot be opened or read.
            ValueError: If the number of words is wrong.
        """
        kept = self._descriptor
        if kept is not None and kept.pid == os.getpid():
            # `suppress` would make this read half as slow again.
            try:
                words = os.pread(kept.fd, 1024, 0).split()
                if len(words) == self._words:
                    return words
            except OSError:
                pass
        kept = self._descriptor = _Descriptor(self._path)
        words = os.pread(kept.fd, 1024, 0).split()
        if len(words) != self._words:
            raise ValueError(f"{self._path} has {len(words)} words, not {self._words}")
        return words

    def close(self) -> None:
        """Close the descriptor after the last reader. `read` opens it again."""
        self._descriptor = None


class ProcFiles:
    """Reads this process and the calling thread from the files of Linux. Safe from any thread.

    It has two open descriptors, and one more for each thread that calls `thread_io` until that
    thread ends. All methods raise `OSError` if a file is missing or not readable, and `ValueError`
    if its format is unknown.

    Args:
        root: The root of the `proc` file system.
    """

    def __init__(self, root: str = "/proc") -> None:
        self._root = root
        self._memory = KeptFile(f"{root}/self/statm", words=7)
        self._io = self._io_file("self")
        self._of_thread = threading.local()

    def memory(self) -> tuple[int, int]:
        """Return the bytes that are resident, and those of the address space."""
        pages = self._memory.read()
        return int(pages[1]) * _PAGE, int(pages[0]) * _PAGE

    def io(self) -> tuple[int, int]:
        """Return the bytes that the process has read from storage and written to it."""
        return _storage(self._io.read())

    def thread_io(self) -> tuple[int, int]:
        """Return the bytes that this thread has read from storage and written to it."""
        kept: KeptFile | None = getattr(self._of_thread, "io", None)
        if kept is None:
            kept = self._of_thread.io = self._io_file("thread-self")
        return _storage(kept.read())

    def open_files(self) -> int:
        """Return the number of open descriptors, including those of this object."""
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

    def close(self) -> None:
        """Close all descriptors; reading opens them again."""
        self._memory.close()
        self._io.close()
        self._of_thread = threading.local()

    def _io_file(self, of: str) -> KeptFile:
        return KeptFile(f"{self._root}/{of}/io", words=14)


def _storage(words: list[bytes]) -> tuple[int, int]:
    if words[8] != b"read_bytes:" or words[10] != b"write_bytes:":
        raise ValueError("the kernel does not count what is read from storage and written to it")
    return int(words[9]), int(words[11])


def available_cpus(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the number of CPUs that this process may use: at most those in its affinity mask.

    The CPU quota of its control group (version 2 or 1) and of the groups around that reduces it,
    maybe to a fraction. Reads files each time.

    Args:
        proc: The root of the `proc` file system.
        cgroups: The root of the control groups.
    """
    return min([float(_bound_cpus()), *_quotas(proc, cgroups)])


def _bound_cpus() -> int:
    if hasattr(os, "process_cpu_count"):  # since Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(proc: Path, cgroups: Path) -> Iterator[float]:
    """Yield the quota, in CPUs, of each control group around this process that has one."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") > 1 else ("", "", "")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for root in {cgroups / controllers, cgroups / "cpu"} if controllers else {cgroups}:
            for group in _upwards(root, path):
                yield from _quota(group)


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a group and those around it; some containers see only the last."""
    group = Path(path.lstrip("/"))
    for each in (group, *group.parents):
        yield root / each


def _quota(group: Path) -> Iterator[float]:
    words = _text(group / "cpu.max").split() or [
        _text(group / "cpu.cfs_quota_us").strip(),
        _text(group / "cpu.cfs_period_us").strip(),
    ]
    with suppress(ValueError):  # "max", or no such files
        quota, period = map(int, words)
        if quota > 0 and period > 0:
            yield quota / period


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
