"""Classify code and threads: perfkit's, a library's or the user's."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

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
