"""JSON Lines files that several threads and processes write, rename, remove and lock."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from perfkit.errors import DeliveryError
from perfkit.sinks import JsonLinesSink
from perfkit.sinks.builtin import jsonl
from tests.sinks import jsonl_writer
from tests.sinks.jsonl_lines import named, names_in, writer

ROOT = Path(__file__).parents[2]


# -- others at the same file


def test_processes_and_threads_share_a_file_that_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    processes = [
        subprocess.Popen(writer("threads", path, number, 20_000), cwd=ROOT) for number in range(4)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    files = list(tmp_path.iterdir())
    assert len(files) > 20
    found = Counter(name for file in files for name in names_in(file))
    assert found == Counter(
        f"{process}-{thread}-{number}"
        for process in range(4)
        for thread in range(jsonl_writer.THREADS)
        for number in range(jsonl_writer.EACH)
    )


def test_the_file_may_be_removed_or_renamed_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    sink = JsonLinesSink(path)
    sink.emit(named("a"))
    path.unlink()
    sink.emit(named("b"))
    path.rename(tmp_path / "old")
    sink.emit(named("c"))
    assert (names_in(tmp_path / "old"), names_in(path)) == (["b"], ["c"])


class _Raced(JsonLinesSink):
    """Has the file taken away between opening and locking it, so many times."""

    times = 1

    def _open(self) -> FileIO:
        file = super()._open()
        if self.times:
            self.times -= 1
            self._path.unlink()
        return file


def test_a_file_that_is_taken_away_while_it_is_opened_is_opened_again(tmp_path: Path) -> None:
    _Raced(tmp_path / "v.jsonl").emit(named("a"))
    assert names_in(tmp_path / "v.jsonl") == ["a"]


def test_a_file_that_is_always_taken_away_is_given_up(tmp_path: Path) -> None:
    sink = _Raced(tmp_path / "v.jsonl")
    sink.times, sink.lock_seconds = 1_000_000_000, 0
    with pytest.raises(DeliveryError) as caught:
        sink.emit(named("a"))
    assert caught.value.reason == "timeout"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[FileIO]:
    """The file ``v.jsonl``, with its lock held by somebody else."""
    with (tmp_path / "v.jsonl").open("wb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def test_a_lock_that_is_held_for_too_long_fails_the_delivery(
    tmp_path: Path, locked: FileIO
) -> None:
    sink = JsonLinesSink(tmp_path / "v.jsonl")
    sink.lock_seconds = 0
    with pytest.raises(DeliveryError, match=r"v\.jsonl was locked for 0 s") as caught:
        sink.emit(named("a"))
    assert caught.value.reason == "timeout"
    assert not caught.value.is_permanent
    assert names_in(tmp_path / "v.jsonl") == []


def test_a_lock_is_waited_for(
    tmp_path: Path, locked: FileIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 10:
            fcntl.flock(locked, fcntl.LOCK_UN)

    monkeypatch.setattr(jsonl.time, "sleep", pause)
    JsonLinesSink(tmp_path / "v.jsonl").emit(named("a"))
    assert names_in(tmp_path / "v.jsonl") == ["a"]
    assert max(pauses) <= 0.002


def test_a_child_forked_in_the_middle_of_a_write_does_not_share_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonLinesSink(tmp_path / "v.jsonl", fsync=True)
    children: list[int] = []

    def fork(_: int) -> None:
        children.append(os.fork())
        if not children[-1]:
            signal.pause()

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fork)
        sink.emit(named("a"))
    sink.lock_seconds = 0
    try:
        sink.emit(named("b"))
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert names_in(tmp_path / "v.jsonl") == ["a", "b"]
