"""The files of Linux about this process and its threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfkit.probes import proc_files
from perfkit.probes.proc_files import ProcFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these files are Linux's")


@pytest.fixture
def files() -> ProcFiles:
    return ProcFiles()


def _holds_in_child(check: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_memory_is_what_psutil_says(files: ProcFiles) -> None:
    theirs = psutil.Process().memory_info()
    resident, virtual = files.memory()
    assert resident == pytest.approx(theirs.rss, abs=5_000_000)
    assert virtual == pytest.approx(theirs.vms, abs=5_000_000)


def test_counts_follow_what_is_opened(files: ProcFiles) -> None:
    before = files.open_files()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    assert files.open_files() == before + 5
    for fd in opened:
        os.close(fd)


def test_counts_come_from_listing_where_the_kernel_gives_none(
    files: ProcFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Linux 6.2 the size of the folder is 0."""
    expected = (files.open_files(), files.threads())
    monkeypatch.setattr(proc_files, "os", _without_counts())
    assert (files.open_files(), files.threads()) == expected


def _without_counts() -> Any:
    class Os:
        stat = staticmethod(lambda _: os.stat_result((0,) * 10))

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

    return Os()


def test_threads_are_those_of_the_operating_system(files: ProcFiles) -> None:
    before, done = files.threads(), threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert files.threads() == before + 3
    done.set()
    for thread in threads:
        thread.join()


def test_reading_leaves_no_descriptor_open(files: ProcFiles) -> None:
    before = files.open_files()
    files.memory()
    files.io()
    files.thread_io()
    assert files.open_files() == before


def test_a_forked_child_reads_itself_and_not_its_parent(files: ProcFiles) -> None:
    """The child takes 200 MB of address space: only its own file tells."""
    virtual = files.memory()[1]

    def reads_itself() -> bool:
        ballast = bytearray(200_000_000)
        grown = files.memory()[1] - virtual
        files.io()
        files.thread_io()
        return grown > len(ballast) / 2  # stacks of the parent's threads may be given back

    assert _holds_in_child(reads_itself)


def test_a_file_that_looks_wrong_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "statm").write_text("1 2 3")
    with pytest.raises(ValueError, match="has 3 words, not 7"):
        ProcFiles(str(tmp_path)).memory()


def test_a_kernel_that_does_not_count_storage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "io").write_text("\n".join(f"figure{n}: {n}" for n in range(7)))
    with pytest.raises(ValueError, match="does not count"):
        ProcFiles(str(tmp_path)).io()


def test_where_there_are_no_such_files_reading_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ProcFiles(str(tmp_path)).memory()
