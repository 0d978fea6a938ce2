"""Make an operation slow on purpose, to see what a broken budget looks like.

Every timed operation calls `pause` with its own name, inside the measured call. Nothing happens
unless `slow_down` was told to slow that operation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from attrs import Factory, define


@define
class _Delays:
    seconds: Mapping[str, float] = Factory(dict)


_delays = _Delays()


def slow_down(seconds: Mapping[str, float]) -> None:
    """Slow these operations by so many seconds a call from now on, and no others."""
    _delays.seconds = dict(seconds)


def pause(operation: str) -> None:
    """Sleep for as long as `operation` is to be slowed down, which is usually not at all."""
    if delay := _delays.seconds.get(operation):
        time.sleep(delay)
