"""Classify code and threads: perfkit's, a library's or the user's. Find the running task."""

from __future__ import annotations

import os
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_OWN: Final = str(Path(__file__).parents[1]) + os.sep
_PROBES: Final = str(Path(__file__).parent) + os.sep
_STANDARD_LIBRARY: Final = str(Path(os.__file__).parent) + os.sep
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def is_perfkits(file: str) -> bool:
    """Return whether `file` is part of perfkit."""
    return file.startswith(_OWN)


def is_probes(file: str) -> bool:
    """Return whether `file` is a probe; probes never call the measured code."""
    return file.startswith(_PROBES)


# Cached because it is called for every frame of every sample and traced block.
@lru_cache(maxsize=4096)
def is_library(file: str) -> bool:
    """Return whether `file` belongs to the standard library or to an installed package."""
    return (
        file.startswith((_STANDARD_LIBRARY, "<frozen"))
        or any(folder in file for folder in _INSTALLED)
        or is_perfkits(file)
    )


def other_threads_run() -> bool:
    """Return whether threads run other than this one and perfkit's."""
    names = [thread.name for thread in threading.enumerate()]
    return sum(not name.startswith("perfkit-") for name in names) > 1


def current_task() -> Any:
    """Return the asyncio task that runs in this thread, or None. Does not import asyncio."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:  # noqa: SLF001 - the public form raises when there is none
        return None
    return asyncio.current_task()
