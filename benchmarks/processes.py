"""Processes in which something is measured: they answer in JSON, a line for each one they are sent.

What is measured in a process of its own is not changed by what was measured before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

ROOT: Final = Path(__file__).parents[1]
_LEFT_OUT: Final = ("OTEL_", "DD_", "LOGFIRE_", "PYTHON", "COVERAGE")
"""Variables that would change what is measured."""


class WorkerFailed(Exception):  # noqa: N818 - it says what happened
    """A process that measures came to an early end."""


class Worker:
    """A process that measures a round for each line it is sent; see `worker`."""

    def __init__(self, title: str, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._title = title
        self._process = process
        self._log = log

    def ask(self) -> None:
        """Let it begin a round."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def answer(self) -> Mapping[str, Any]:
        """Wait for its next answer; there is one before the first round too.

        Raises:
            WorkerFailed: If it has ended; with what it wrote.
        """
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()  # until the traceback is written
            self._log.seek(0)
            written = self._log.read()[-_MOST_WRITTEN:]
            raise WorkerFailed(f"{self._title} cannot be measured:\n{written}")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


_MOST_WRITTEN: Final = 4000


@contextmanager
def worker(title: str, *arguments: str) -> Iterator[Worker]:
    """Run ``python ARGUMENTS`` as a worker.

    Args:
        title: What it measures, for the error.
        *arguments: What Python is given.
    """
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env=environment(),
        ) as process,
    ):
        try:
            yield Worker(title, process, log)
        finally:
            process.kill()


def output(*arguments: str) -> str:
    """Run ``python ARGUMENTS`` to its end, and return what it wrote to standard output.

    Raises:
        WorkerFailed: If it fails; with what it wrote to standard error.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    if done.returncode:
        raise WorkerFailed(f"python {arguments[0]} {arguments[1]} failed:\n{done.stderr}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return this process's environment without what would change the figures."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LEFT_OUT) or name == "PYTHONPATH"
    }
