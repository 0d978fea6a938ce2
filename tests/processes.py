"""Processes of their own, for what cannot be tried in the process of the tests."""

from __future__ import annotations

import os


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment for another one, with some variables of its own.

    Without what measures coverage: its lock no finalizer may meet, and no child of a fork either
    that another thread has held it at.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}
    return {**inherited, **variables}
