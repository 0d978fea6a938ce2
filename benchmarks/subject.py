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


def build(user: Any, key: Any, *, limit: int = 10) -> Any:  # noqa: ARG001 - as handle
    """Allocate a little: one small list for each number below `limit`."""
    return [[user, number] for number in range(limit)]


def work(records: int) -> int:
    """Make so many small records, and group them by name."""
    by_name: dict[str, list[int]] = {}
    for number in range(records):
        record = _record(number)
        by_name.setdefault(record["name"], []).append(record["id"])
    return len(by_name)


def _record(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"user {number % 97}"}


TEN_MILLISECONDS: Final = 36_000
"""So many records take `work` 10 ms, about."""


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
        fewest: The fewest calls of a round; fewer than 100 where a call is slow.
    """

    run: Callable[[int], None]
    flush: Callable[[], object] = _nothing
    spans_shipped: Callable[[], int] = _no_spans
    makes_spans: bool = False
    fewest: int = 100


def calls_of(function: Callable[..., Any]) -> Callable[[int], None]:
    """Return what calls `function` as often as it is told, each time with the same arguments."""

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            function("user", "key", limit=20)

    return run
