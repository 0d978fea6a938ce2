"""JSON Lines to what is no regular file: standard output, pipes, devices, and links to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Budget, Violation
from perfkit.sinks import JsonLinesSink
from perfkit.sinks.files import streams
from tests.sinks.violations import make_violation

ROOT = Path(__file__).parents[2]
APPLICATION = """
import sys
from perfkit.sinks import JsonLinesSink
from tests.sinks.violations import make_violation
sink = JsonLinesSink(sys.argv[1])
for number in range(3):
    sys.stdout.write('{"half": ')
    sys.stdout.flush()
    sink.emit(make_violation())
    sys.stdout.write(f'{number}}}\\n')
    sys.stdout.flush()
"""
needs_stdout = pytest.mark.skipif(
    not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout"
)


def _named(name: str) -> Violation:
    return make_violation(budget=Budget(name=name))


def _run(path: object, **options: Any) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", APPLICATION, str(path)]
    return subprocess.run(arguments, cwd=ROOT, text=True, check=True, timeout=60, **options)


def _check(text: str) -> None:
    """Check that nothing of what the application or the sink has written is missing."""
    rest = text
    for number in range(3):
        assert rest.startswith('{"half": {"time": ')
        line, rest = rest.removeprefix('{"half": ').split("\n", 1)
        assert json.loads(line)["budget"] == "load"
        assert rest.startswith(f"{number}}}\n")
        rest = rest.removeprefix(f"{number}}}\n")
    assert not rest


# -- standard output


@needs_stdout
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("mode", ["w", "a"])
def test_standard_output_that_is_a_file_loses_nothing(tmp_path: Path, name: str, mode: str) -> None:
    """As with ``> out.log``, with ``>> out.log``, and where a container's log is a link."""
    if name == "link":
        (tmp_path / "link").symlink_to("/dev/stdout")
        name = str(tmp_path / "link")
    out = tmp_path / "out.log"
    out.write_text("before\n")
    with out.open(mode) as file:
        _run(name, stdout=file)
    text = out.read_text()
    if mode == "a":
        assert text.startswith("before\n")
    _check(text.removeprefix("before\n"))
    assert {each.name for each in tmp_path.iterdir()} <= {"out.log", "link"}


@needs_stdout
def test_standard_output_can_be_a_pipe() -> None:
    _check(_run("/dev/stdout", stdout=subprocess.PIPE).stdout)


@needs_stdout
def test_standard_output_that_another_user_has_opened_can_be_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a container's first process changes its user."""

    def refuse(*_: Any) -> int:
        raise PermissionError

    reader, writer = os.pipe()
    monkeypatch.setattr(streams.os, "open", refuse)
    try:
        JsonLinesSink(f"/dev/fd/{writer}").emit(_named("a"))
        assert json.loads(os.read(reader, 100_000))["budget"] == "a"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.skipif(not Path("/proc/1/fd").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_the_standard_output_of_another_process_can_be_written_to(
    tmp_path: Path, kind: str
) -> None:
    """As in a container whose log is what its first process writes."""
    out = tmp_path / "out.log"
    if kind == "pipe":
        os.mkfifo(out)
    else:
        out.write_text("torn {")
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    waits = [sys.executable, "-c", "input()"]
    with out.open("a") as file, subprocess.Popen(waits, stdin=-1, stdout=file) as process:
        JsonLinesSink(f"/proc/{process.pid}/fd/1").emit(_named("a"))
        process.communicate(b"\n")
    text = _drain(reader).decode()
    os.close(reader)
    assert json.loads(text.removeprefix("torn {"))["budget"] == "a"
    assert text.startswith("torn {") is (kind == "file")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link", "links"])
def test_no_stream_is_rotated(tmp_path: Path, name: str) -> None:
    if name.startswith("link"):
        (tmp_path / "link").symlink_to("/dev/stdout")
        (tmp_path / "links").symlink_to("link")
        name = str(tmp_path / name)
    with pytest.raises(ConfigurationError, match="cannot be renamed; leave it out") as caught:
        JsonLinesSink(name, max_bytes=1000)
    assert "max_size in a catalog" in str(caught.value)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="this system has no /dev/shm")  # noqa: S108 - it is meant
def test_a_file_in_shared_memory_is_a_file() -> None:
    path = Path(f"/dev/shm/perfkit-test-{os.getpid()}.jsonl")  # noqa: S108 - it is meant
    try:
        path.write_text('{"torn')
        JsonLinesSink(path, max_bytes=100_000).emit(_named("a"))
        assert json.loads(path.read_text())["budget"] == "a"
    finally:
        path.unlink()


def test_a_device_takes_everything() -> None:
    JsonLinesSink(os.devnull).emit(_named("a"))


def test_links_that_lead_round_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        JsonLinesSink(tmp_path / "a").emit(_named("a"))


# -- pipes


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe with a name, that nobody has opened."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@contextmanager
def _opened(pipe: Path) -> Iterator[int]:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield reader
    finally:
        os.close(reader)


def _drain(reader: int) -> bytes:
    parts = []
    try:
        while part := os.read(reader, 65_536):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def test_a_pipe_that_nobody_reads_fails_the_delivery(pipe: Path) -> None:
    sink = JsonLinesSink(pipe)
    for _ in range(2):
        with pytest.raises(DeliveryError, match=r"nobody reads .*pipe; start what") as caught:
            sink.emit(_named("a"))
        assert (caught.value.reason, caught.value.is_permanent) == ("unreachable", False)
    with _opened(pipe) as reader:
        sink.emit(_named("b"))
        assert json.loads(_drain(reader))["budget"] == "b"


def test_a_pipe_that_is_full_fails_the_delivery_and_cuts_no_line_of_the_next(pipe: Path) -> None:
    sink = JsonLinesSink(pipe)
    sink.lock_seconds = 0.01
    delivered = []

    def fill() -> None:
        for number in range(1000):
            sink.emit(_named(f"{number} {'x' * 10_000}"))
            delivered.append(str(number))

    with _opened(pipe) as reader:
        with pytest.raises(DeliveryError, match="nobody makes room in") as caught:
            fill()
        assert caught.value.reason == "timeout"
        text = _drain(reader)
        sink.emit(_named("next"))
        sink.emit(_named("last"))
        lines = (text + _drain(reader)).decode().split("\n")
    cut = lines.pop(len(delivered))
    assert len(delivered) > 1
    assert cut.startswith('{"time"')
    assert lines.pop() == ""
    names = [json.loads(line)["budget"].split()[0] for line in lines]
    assert names == [*delivered, "next", "last"]


def test_room_in_a_pipe_is_waited_for(pipe: Path) -> None:
    """A batch larger than any pipe goes through, as long as somebody reads."""
    sink = JsonLinesSink(pipe)
    sink.lock_seconds = 60.0
    found: list[bytes] = []
    with _opened(pipe) as reader:
        os.set_blocking(reader, True)

        def read() -> None:
            while not b"".join(found[-2:]).endswith(b"}\n") or len(b"".join(found)) < 200_000:
                found.append(os.read(reader, 1000))

        thread = threading.Thread(target=read)
        thread.start()
        sink.emit_many([_named(f"{number} {'x' * 10_000}") for number in range(20)])
        thread.join()
    names = [json.loads(line)["budget"].split()[0] for line in b"".join(found).splitlines()]
    assert names == [str(number) for number in range(20)]


def test_who_waits_for_another_thread_waits_no_longer_either(pipe: Path) -> None:
    sink = JsonLinesSink(pipe)
    sink.lock_seconds = 0.01
    failures: list[DeliveryError] = []

    def emit() -> None:
        try:
            sink.emit(_named("a"))
        except DeliveryError as failure:
            failures.append(failure)

    with _opened(pipe), sink._stream._one_at_a_time:
        thread = threading.Thread(target=emit)
        thread.start()
        thread.join()
    assert [failure.reason for failure in failures] == ["timeout"]


def test_a_child_forked_in_the_middle_of_a_write_keeps_no_pipe_open(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever reads it would wait for its end as long as the child lives."""
    codes: list[int] = []
    real = os.write

    def fork(descriptor: int, data: memoryview) -> int:
        if child := os.fork():
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        else:
            try:
                os.fstat(descriptor)
            except OSError:
                os._exit(0)
            os._exit(1)
        return real(descriptor, data)

    with _opened(pipe):
        monkeypatch.setattr(streams.os, "write", fork)
        JsonLinesSink(pipe).emit(_named("a"))
    assert codes == [0]


def test_room_that_somebody_else_takes_is_waited_for_again(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = os.write, [BlockingIOError(), BlockingIOError()]

    def write(descriptor: int, data: memoryview) -> int:
        if failures:
            raise failures.pop()
        return real(descriptor, data)

    sink = JsonLinesSink(pipe)
    with _opened(pipe) as reader:
        monkeypatch.setattr(streams.os, "write", write)
        sink.emit(_named("a"))
        assert json.loads(_drain(reader))["budget"] == "a"
        sink.lock_seconds = 0
        failures.append(BlockingIOError())
        with pytest.raises(DeliveryError, match="nobody makes room"):
            sink.emit(_named("b"))
        sink.emit(_named("c"))
        assert json.loads(_drain(reader))["budget"] == "c"
