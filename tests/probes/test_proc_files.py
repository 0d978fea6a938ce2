"""The files of Linux: kept descriptors, and how many CPUs there are for this process."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfkit.probes import proc_files
from perfkit.probes.proc_files import KeptFile, ProcFiles, available_cpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these files are Linux's")


@pytest.fixture
def files() -> Iterator[ProcFiles]:
    files = ProcFiles()
    yield files
    files.close()


def _open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only the names are wanted


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


def test_reading_again_opens_nothing_more(files: ProcFiles) -> None:
    files.memory()
    before = _open_descriptors()
    for _ in range(10):
        files.memory()
    assert len(_open_descriptors()) == len(before)


def test_descriptors_close_when_nobody_refers_to_them() -> None:
    before = len(_open_descriptors())
    files = ProcFiles()
    files.memory()
    assert len(_open_descriptors()) == before + 1
    del files
    gc.collect()
    assert len(_open_descriptors()) == before


def test_a_threads_descriptor_closes_when_the_thread_ends(files: ProcFiles) -> None:
    before = len(_open_descriptors())
    inside: list[int] = []

    def read() -> None:
        files.thread_io()
        inside.append(len(_open_descriptors()))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert inside == [before + 1]
    assert len(_open_descriptors()) == before


def test_other_programs_do_not_inherit_descriptors(files: ProcFiles) -> None:
    files.memory()
    kept = files._memory._descriptor
    assert kept is not None
    assert not os.get_inheritable(kept.fd)


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


def test_a_forked_child_has_as_many_descriptors_as_its_parent(files: ProcFiles) -> None:
    files.memory()
    files.thread_io()
    before = files.open_files()
    assert _holds_in_child(
        lambda: bool(files.memory() and files.thread_io() and files.open_files() == before)
    )


def test_a_descriptor_that_other_code_closed_is_opened_again(files: ProcFiles) -> None:
    files.memory()
    kept = files._memory._descriptor
    assert kept is not None
    os.close(kept.fd)
    assert files.memory()[0] > 0


def test_a_number_that_other_code_took_over_is_neither_read_nor_closed(tmp_path: Path) -> None:
    """A daemon closes all descriptors by number, then opens its own."""
    (tmp_path / "theirs").write_text("1 2 3")
    files = ProcFiles()
    files.memory()
    kept = files._memory._descriptor
    assert kept is not None
    number = kept.fd
    os.close(number)
    theirs = os.open(tmp_path / "theirs", os.O_RDONLY)
    assert theirs == number
    assert files.memory()[0] > 1_000_000
    del kept, files
    gc.collect()
    assert os.pread(theirs, 5, 0) == b"1 2 3"
    os.close(theirs)


def test_a_file_that_looks_wrong_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("1 2 3")
    with pytest.raises(ValueError, match="has 3 words, not 7"):
        KeptFile(str(tmp_path / "odd"), words=7).read()


def test_a_kernel_that_does_not_count_storage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "io").write_text("\n".join(f"figure{n}: {n}" for n in range(7)))
    with pytest.raises(ValueError, match="does not count"):
        ProcFiles(str(tmp_path)).io()


def test_where_there_are_no_such_files_reading_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ProcFiles(str(tmp_path)).memory()


def test_exhausted_descriptors_do_not_stop_what_is_open(files: ProcFiles) -> None:
    files.memory()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert files.memory()[0] > 0
        with pytest.raises(OSError, match="Too many open files"):
            ProcFiles().memory()
        assert files.open_files() > 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _bound() -> int:
    return len(os.sched_getaffinity(0))


def _machine(tmp_path: Path, groups: str, **files: str) -> tuple[Path, Path]:
    """Lay out `/proc` and the control groups; in a name of `files`, `__` stands for a slash."""
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(groups)
    for name, text in files.items():
        path = cgroups / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc, cgroups


def test_without_a_quota_the_cpus_are_those_it_is_bound_to(tmp_path: Path) -> None:
    assert available_cpus(tmp_path, tmp_path) == _bound()
    assert 0 < available_cpus() <= _bound()


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/\n", {"cpu.max": "50000 100000\n"}),
        ("0::/app\n", {"app__cpu.max": "50000 100000\n"}),
        ("0::/outer/app\n", {"outer__cpu.max": "50000 100000", "outer__app__cpu.max": "max 1000"}),
        ("0::/docker/not/seen/here\n", {"cpu.max": "50000 100000\n"}),
        (
            "4:cpu,cpuacct:/app\n1:memory:/\n0::/\n",
            {"cpu__app__cpu.cfs_quota_us": "50000", "cpu__app__cpu.cfs_period_us": "100000"},
        ),
        (
            "4:cpu,cpuacct:/\n",
            {"cpu,cpuacct__cpu.cfs_quota_us": "1", "cpu,cpuacct__cpu.cfs_period_us": "2"},
        ),
    ],
)
def test_a_quota_makes_them_fewer(groups: str, files: dict[str, str], tmp_path: Path) -> None:
    assert available_cpus(*_machine(tmp_path, groups, **files)) == 0.5


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}),
        ("0::/\n", {"cpu.max": "nonsense\n"}),
        ("0::/\n", {"cpu.max": "90000000 100000\n"}),
        ("4:cpu:/\n", {"cpu__cpu.cfs_quota_us": "-1", "cpu__cpu.cfs_period_us": "100000"}),
        ("4:memory:/\n", {"cpu__cpu.cfs_quota_us": "1", "cpu__cpu.cfs_period_us": "100"}),
        ("garbage\n", {}),
    ],
)
def test_what_is_no_smaller_quota_changes_nothing(
    groups: str, files: dict[str, str], tmp_path: Path
) -> None:
    assert available_cpus(*_machine(tmp_path, groups, **files)) == _bound()
