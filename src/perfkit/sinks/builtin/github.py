"""Show violations as annotations of a GitHub Actions run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final, TextIO

from perfkit.errors import ConfigurationError, DeliveryError
from perfkit.model import Severity, Violation
from perfkit.text import printable, shorten_middle

_COMMANDS: Final = {
    Severity.INFO: "notice",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "error",
}


class GitHubSink:
    """Writes each violation as a workflow command, which GitHub Actions turns into an annotation.

    A critical one is an error, a warning a warning, anything less and a recovery a notice. It is
    shown at its line of code where the file is in the workspace. GitHub shows ten annotations of
    each kind for one step of a job. The format:
    https://docs.github.com/actions/reference/workflow-commands-for-github-actions

    Args:
        stream: Where to write; None means what `sys.stdout` is at that moment.

    Raises:
        ConfigurationError: If `stream` is nothing to write to.
    """

    destination = "GitHub Actions annotations, where GITHUB_ACTIONS is true"

    def __init__(self, stream: TextIO | None = None) -> None:
        if stream is not None and not hasattr(stream, "write"):
            raise ConfigurationError(
                f"stream is a {type(stream).__name__}; write an open text file, or leave it out"
            )
        self._stream = stream

    def emit(self, violation: Violation) -> None:
        """Write one command.

        Raises:
            DeliveryError: Outside of GitHub Actions, where nobody would read it.
            OSError: If the stream does not take it.
        """
        if os.environ.get("GITHUB_ACTIONS") != "true":
            raise DeliveryError(
                "not in GitHub Actions: there the environment variable GITHUB_ACTIONS is 'true'",
                is_permanent=True,
                reason="not here",
            )
        stream = self._stream or sys.stdout
        encoding = getattr(stream, "encoding", None) or "utf-8"
        text = _as_command(violation).encode(encoding, "backslashreplace").decode(encoding)
        # Only at the start of a line is it a command, and a test runner's dots may stand there.
        stream.write(f"\n{text}\n")
        stream.flush()


def _as_command(violation: Violation) -> str:
    command = "notice" if violation.is_recovery else _COMMANDS[violation.severity]
    properties = ",".join(f"{key}={_escape_property(it)}" for key, it in _properties(violation))
    return f"::{command} {properties}::{_escape(violation.describe())}"


def _properties(violation: Violation) -> Iterator[tuple[str, str]]:
    where = violation.where
    if where.file:
        yield "file", _in_workspace(where.file)
        if where.line:
            yield "line", str(where.line)
    yield "title", f"perfkit budget {shorten_middle(violation.budget.name)}"


def _in_workspace(file: str) -> str:
    """Return the path as GitHub knows it: from the root of the repository on."""
    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    path = PurePath(file)
    if workspace and path.is_relative_to(workspace):
        return path.relative_to(workspace).as_posix()
    return file


def _escape_property(text: str) -> str:
    return _escape(printable(text)).replace(":", "%3A").replace(",", "%2C")


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
