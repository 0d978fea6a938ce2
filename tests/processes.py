"""Processes of their own, for what cannot be tried in the process of the tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment for another one, with some variables of its own.

    Without what measures coverage: its lock no finalizer may meet, and no child of a fork either
    that another thread has held it at.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}
    return {**inherited, **variables}


def fork(in_child: Callable[[], object]) -> int:
    """Return how a child has ended that does this: 0 if well, less if it was killed for hanging."""
    child = os.fork()
    if child == 0:  # pragma: no cover - the child's coverage is not collected
        signal.alarm(30)
        try:
            in_child()
        except BaseException:  # noqa: BLE001 - the parent is to hear of anything
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
