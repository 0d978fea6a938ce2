"""One figure, read in the cheapest way that works: the files of Linux, else psutil."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from perfkit.probes import process_reader
from perfkit.probes.process_reader import FallbackReader, ProcessReader, ProcFiles
from tests.probes.conftest import another_thread

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="these files are Linux's")


class Way:
    """A way that raises what it is told to, and counts how often it was tried."""

    def __init__(self, error: Exception | None = None, value: int = 1) -> None:
        self.error, self.value, self.tries = error, value, 0

    def __call__(self) -> int:
        self.tries += 1
        if self.error is not None:
            raise self.error
        return self.value


def test_the_first_way_that_works_is_used() -> None:
    first, second = Way(value=1), Way(value=2)
    assert FallbackReader("it", [first, second]).read() == 1
    assert second.tries == 0


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), PermissionError(), ValueError(), AttributeError()]
)
def test_a_way_that_fails_for_good_is_tried_once(error: Exception) -> None:
    first, second = Way(error), Way(value=2)
    figure = FallbackReader("it", [first, second])
    assert [figure.read(), figure.read()] == [2, 2]
    assert first.tries == 1


def test_a_way_that_fails_for_now_is_tried_again() -> None:
    first = Way(OSError(errno.EMFILE, "too many open files"))
    figure = FallbackReader("it", [first])
    assert figure.read() is None
    assert "too many open files" in figure.reason
    first.error = None
    assert figure.read() == 1


def test_a_fault_of_perfkit_is_not_hidden() -> None:
    def way() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        FallbackReader("it", [way]).read()


# -- the files of Linux about this process and its threads


@pytest.fixture
def files() -> ProcFiles:
    return ProcFiles()


@linux_only
def test_memory_is_what_psutil_says(files: ProcFiles) -> None:
    theirs = psutil.Process().memory_info()
    resident, virtual = files.memory()
    assert resident == pytest.approx(theirs.rss, abs=5_000_000)
    assert virtual == pytest.approx(theirs.vms, abs=5_000_000)


@linux_only
def test_counts_follow_what_is_opened(files: ProcFiles) -> None:
    before = files.open_files()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    assert files.open_files() == before + 5
    for fd in opened:
        os.close(fd)


@linux_only
def test_counts_come_from_listing_where_the_kernel_gives_none(
    files: ProcFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Linux 6.2 the size of the folder is 0."""
    expected = (files.open_files(), files.threads())
    monkeypatch.setattr(process_reader, "os", _without_counts())
    assert (files.open_files(), files.threads()) == expected


def _without_counts() -> Any:
    class Os:
        stat = staticmethod(lambda _: os.stat_result((0,) * 10))

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

    return Os()


@linux_only
def test_threads_are_those_of_the_operating_system(files: ProcFiles) -> None:
    before = files.threads()
    with another_thread(lambda pause: pause()):
        assert files.threads() == before + 1


@linux_only
def test_a_file_that_looks_wrong_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "statm").write_text("1 2 3")
    with pytest.raises(ValueError, match="has 3 words, not 7"):
        ProcFiles(str(tmp_path)).memory()


@linux_only
def test_a_kernel_that_does_not_count_storage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "io").write_text("\n".join(f"figure{n}: {n}" for n in range(7)))
    with pytest.raises(ValueError, match="does not count"):
        ProcFiles(str(tmp_path)).io()


@linux_only
def test_where_the_files_fail_psutil_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoFiles:
        def __getattr__(self, name: str) -> Any:
            def fail() -> None:
                raise FileNotFoundError(name)

            return fail

    reader = ProcessReader(NoFiles())  # type: ignore[arg-type]  # a fault that can't be produced
    memory = reader.memory.read()
    assert memory is not None
    assert memory[0] == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert (reader.threads.read() or 0) >= 1
    assert (reader.open_files.read() or 0) >= 3
    assert reader.thread_io.read() is None
