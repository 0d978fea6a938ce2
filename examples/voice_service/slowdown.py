"""Add delays to operations, to demonstrate violated budgets.

Every timed operation calls `pause` with its own name, inside the measured call. This has no effect
unless `slow_down` has set a delay for the operation.
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
    """Set the delay of each call in seconds, by operation; other operations have no delay."""
    _delays.seconds = dict(seconds)


def pause(operation: str) -> None:
    """Sleep for the delay of `operation`, if it has one."""
    if delay := _delays.seconds.get(operation):
        time.sleep(delay)
