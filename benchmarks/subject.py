"""What every row measures, and the shape in which it does so."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any, Final

from attrs import frozen

BUDGET: Final = "handle"
CATEGORY: Final = "requests"
TARGET_SECONDS: Final = 0.1
THRESHOLD_SECONDS: Final = 0.3


def handle(user: Any, key: Any, *, limit: int = 10) -> Any:  # noqa: ARG001 - a realistic signature
    """Do as little as a function can."""
    return user


def _nothing() -> None:
    pass


def _no_spans() -> int:
    return 0


@frozen
class Case:
    """One row, ready to be measured.

    Args:
        run: Makes as many calls as it is told.
        flush: Brings what was recorded to the exporters.
        spans_shipped: Returns how many spans have reached the exporter so far.
        makes_spans: Whether each call makes one.
    """

    run: Callable[[int], None]
    flush: Callable[[], object] = _nothing
    spans_shipped: Callable[[], int] = _no_spans
    makes_spans: bool = False


def calls_of(function: Callable[..., Any]) -> Callable[[int], None]:
    """Return what calls `function` as often as it is told, each time with the same arguments."""

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            function("user", "key", limit=20)

    return run
