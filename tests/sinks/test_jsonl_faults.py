"""Lines stay whole when processes are killed, disks are full, and drives know no locks."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pytest

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.sinks import JsonLinesSink
from perfkit.sinks.builtin import jsonl
from tests.sinks import jsonl_writer
from tests.sinks.jsonl_lines import named, names_in, strictly, writer

ROOT = Path(__file__).parents[2]
KILLS = 200


# -- killed, full, refused


@contextmanager
def _killed_writers(path: Path, *options: int) -> Iterator[Iterator[list[int]]]:
    """Let children write and be killed; yield which batches each of them was told are there."""
    chance = random.Random(5)  # noqa: S311 - moments to kill at, no secrets

    def kill_each(tell: IO[str], hear: IO[str]) -> Iterator[list[int]]:
        while True:
            tell.write("\n")
            pid = int(hear.readline())
            acknowledged = [hear.readline() for _ in range(chance.randrange(3))]
            for _ in range(chance.randrange(400_000)):
                pass
            os.kill(pid, signal.SIGKILL)
            acknowledged += iter(hear.readline, "dead\n")
            yield [int(number) for number in acknowledged]

    with subprocess.Popen(
        writer("children", path, *options), cwd=ROOT, stdin=-1, stdout=-1, text=True, bufsize=1
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield kill_each(server.stdin, server.stdout)
        server.stdin.close()


def test_kill_9_at_any_moment_tears_the_last_line_at_most(tmp_path: Path) -> None:
    """What a sink has returned for is there, and stays there, however the next one dies."""
    path = tmp_path / "v.jsonl"
    names: list[str] = []
    checked = torn = 0
    with _killed_writers(path) as rounds:
        for child, acknowledged in enumerate(islice(rounds, KILLS)):
            new, checked = _whole_lines(path, checked)
            _check_order(new, child, acknowledged)
            names += new
            torn += path.stat().st_size > checked
    JsonLinesSink(path).emit(named("last"))
    assert names_in(path) == [*names, "last"]
    assert torn, "no line was torn, so that nothing was tried"


def test_kill_9_in_the_middle_of_a_rotation_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    with _killed_writers(path, 1) as rounds:
        told = list(islice(rounds, KILLS // 5))
    JsonLinesSink(path).emit(named("last"))
    found = Counter(name.rstrip("x") for file in tmp_path.iterdir() for name in names_in(file))
    assert set(found.values()) == {1}
    assert set(found) >= {
        f"{child}-{number}-{i}-"
        for child, numbers in enumerate(told)
        for number in numbers
        for i in range(jsonl_writer.size_of(number))
    }


def _whole_lines(path: Path, start: int) -> tuple[list[str], int]:
    """Return the names in the lines from `start` on, and where the last whole line ends."""
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        file.seek(start)
        *lines, torn = file.read().split(b"\n")
        return [strictly(line)["budget"] for line in lines], file.tell() - len(torn)


def _check_order(names: list[str], child: int, acknowledged: list[int]) -> None:
    """Check that all acknowledged batches are there, in order, then at most a part of one more."""
    sizes = [jsonl_writer.size_of(number) for number in range(len(acknowledged) + 1)]
    expected = [f"{child}-{number}-{i}-" for number, size in enumerate(sizes) for i in range(size)]
    assert acknowledged == list(range(len(acknowledged)))
    assert [name.rstrip("x") for name in names] == expected[: len(names)]
    assert len(names) >= sum(sizes[:-1])


def test_a_write_that_is_cut_short_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    process = subprocess.run(
        writer("until_full", path, 10_000), cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert len(names_in(path)) == int(process.stdout) > 5
    JsonLinesSink(path).emit(named("again"))
    assert names_in(path)[-1] == "again"


def _mount(*arguments: str) -> None:
    process = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if process.returncode:
        pytest.skip(f"mounting takes root and a real machine: {process.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting takes root")
    _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_takes_whole_batches_or_nothing(small_disk: Path) -> None:
    path = small_disk / "v.jsonl"
    sink = JsonLinesSink(path)
    count = 0

    def fill() -> None:
        nonlocal count
        while True:
            sink.emit_many([named("a"), named("b"), named("c")])
            count += 1

    with pytest.raises(OSError, match="No space left"):
        fill()
    assert names_in(path) == ["a", "b", "c"] * count
    assert count > 10


def test_a_disk_that_may_not_be_written_is_an_error(small_disk: Path) -> None:
    path = small_disk / "v.jsonl"
    sink = JsonLinesSink(path)
    sink.emit(named("a"))
    _mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(OSError, match="Read-only"):
        sink.emit(named("b"))
    _mount("-o", "remount,rw", str(small_disk))
    sink.emit(named("c"))
    assert names_in(path) == ["a", "c"]


def test_a_path_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        JsonLinesSink(tmp_path).emit(named("a"))


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/7", "pipe"])
def test_a_stream_is_refused(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match='sink log with form = "json" for streams'):
        JsonLinesSink(tmp_path / name)


def test_a_file_that_was_replaced_by_a_pipe_is_an_error(tmp_path: Path) -> None:
    sink = JsonLinesSink(tmp_path / "v.jsonl")
    os.mkfifo(tmp_path / "v.jsonl")
    with pytest.raises(DeliveryError, match="is not a regular file") as caught:
        sink.emit(named("a"))
    assert caught.value.is_permanent


# -- fsync


def test_fsync_waits_for_the_file_and_for_the_folder_of_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda it: synced.append(Path(f"/proc/self/fd/{it}").resolve().name)
    )
    sink = JsonLinesSink(tmp_path / "v.jsonl", fsync=True)
    sink.emit(named("a"))
    sink.emit(named("b"))
    JsonLinesSink(tmp_path / "v.jsonl").emit(named("c"))
    assert synced == ["v.jsonl", tmp_path.name, "v.jsonl"]


def test_what_the_disk_did_not_take_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    path = tmp_path / "v.jsonl"
    JsonLinesSink(path).emit(named("a"))
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken disk"):
        JsonLinesSink(path, fsync=True).emit(named("b"))
    assert names_in(path) == ["a"]


# -- where there are no locks


def test_a_drive_without_locks_is_written_to_but_not_rotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(fcntl, "flock", _refuse_locks)
    monkeypatch.setattr(os, "fsync", synced.append)
    JsonLinesSink(tmp_path / "v.jsonl", fsync=True).emit(named("a"))
    assert len(synced) == 1
    assert names_in(tmp_path / "v.jsonl") == ["a"]
    with pytest.raises(OSError, match="no locks"):
        JsonLinesSink(tmp_path / "v.jsonl", max_bytes=1).emit(named("b"))


def _refuse_locks(*_: Any) -> None:
    raise OSError(errno.ENOLCK, "no locks")


def test_a_system_without_locks_writes_but_does_not_rotate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "_HAS_LOCKS", False)
    JsonLinesSink(tmp_path / "v.jsonl").emit(named("a"))
    assert names_in(tmp_path / "v.jsonl") == ["a"]
    with pytest.raises(ConfigurationError, match="lacks"):
        JsonLinesSink(tmp_path / "v.jsonl", max_bytes=1)
