"""Run measurements in processes of their own, so that they do not affect each other.

A worker process measures a round for each line that it reads, and writes a line of JSON.
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
_EXCLUDED: Final = ("OTEL_", "DD_", "LOGFIRE_", "PYTHON", "COVERAGE")
"""Prefixes of environment variables that would change the results."""


class WorkerError(Exception):
    """A measuring process failed."""


class Worker:
    """A process that measures a round for each line that it reads; see `worker`."""

    def __init__(self, title: str, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._title = title
        self._process = process
        self._log = log

    def start_round(self) -> None:
        """Start a round."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def wait(self) -> Mapping[str, Any]:
        """Wait for the result of the round, or of the set-up before the first round.

        Raises:
            WorkerError: If the process has ended; with its standard error.
        """
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()  # until the traceback is written
            self._log.seek(0)
            written = self._log.read()[-_MAX_LOG_LENGTH:]
            raise WorkerError(f"{self._title} cannot be measured:\n{written}")
        result: Mapping[str, Any] = json.loads(line)
        return result


_MAX_LOG_LENGTH: Final = 4000


@contextmanager
def worker(title: str, *arguments: str) -> Iterator[Worker]:
    """Run ``python ARGUMENTS`` as a worker.

    Args:
        title: The name of the measurement, for errors.
        *arguments: The arguments of Python.
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
    """Run ``python ARGUMENTS`` to its end, and return its standard output.

    Raises:
        WorkerError: If it fails; with its standard error.
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
        raise WorkerError(f"python {arguments[0]} {arguments[1]} failed:\n{done.stderr}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment of this process without variables that would change the results."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_EXCLUDED) or name == "PYTHONPATH"
    }
