"""Write JSON Lines in a process of its own: ``python jsonl_writer.py HOW PATH ...``."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Callable

from attrs import evolve

from perfkit.model import Budget, Violation
from perfkit.sinks import JsonLinesSink
from tests.sinks.violations import make_violation

THREADS = 4
EACH = 60
BATCH = 50


def write_from_threads(path: str, process: str, max_bytes: str) -> None:
    """Write lines with names of their own from several threads, one by one and in batches."""
    sink = JsonLinesSink(path, max_bytes=int(max_bytes), keep=10_000)

    def write(thread: int) -> None:
        for start in range(0, EACH, 3):
            first, *more = (_named(f"{process}-{thread}-{start + i}") for i in range(3))
            sink.emit(first)
            sink.emit_many(more)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write_in_children(path: str, max_bytes: str = "") -> None:
    """Fork a child that writes without end, for each line of input, and tell when it is dead."""
    options = {"max_bytes": int(max_bytes), "keep": 10_000} if max_bytes else {}
    for child_number, _ in enumerate(sys.stdin):
        child = os.fork()
        if child == 0:
            if child_number % 2:
                _write_in_pieces()
            _write_without_end(JsonLinesSink(path, **options), child_number)
        os.waitpid(child, 0)
        _say("dead")


def size_of(number: int) -> int:
    """Tell how many lines are in a batch of `write_in_children`."""
    return 1 if number % 3 == 0 else BATCH


def _write_without_end(sink: JsonLinesSink, child: int) -> None:
    """Write batches, and tell of each as soon as the sink has returned."""
    _say(str(os.getpid()))
    padding = "x" * 1000
    violations = [_named(padding) for _ in range(BATCH)]
    number = 0
    while True:
        names = (Budget(name=f"{child}-{number}-{i}-{padding}") for i in range(size_of(number)))
        sink.emit_many(
            [evolve(it, budget=name) for it, name in zip(violations, names, strict=False)]
        )
        _say(str(number))
        number += 1


def _write_in_pieces() -> None:
    """Let each write take a little only, as it may: so there are many moments to be killed in."""
    real = os.write
    os.write = lambda descriptor, data: real(descriptor, data[:100])


def write_until_full(path: str, most: str) -> None:
    """Write until files may not get larger, and tell how many lines were taken."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), before[1]))
    sink = JsonLinesSink(path)
    count = 0
    try:
        while True:
            sink.emit(make_violation())
            count += 1
    except OSError:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)  # what measures coverage writes files too
        _say(str(count))


def _named(name: str) -> Violation:
    return make_violation(budget=Budget(name=name))


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


WAYS: dict[str, Callable[..., None]] = {
    "threads": write_from_threads,
    "children": write_in_children,
    "until_full": write_until_full,
}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])
