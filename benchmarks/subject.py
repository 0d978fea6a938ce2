"""The functions that the rows call, and the interface of a row to its worker."""

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
    """Return the first argument."""
    return user


def build(user: Any, key: Any, *, limit: int = 10) -> Any:  # noqa: ARG001 - as handle
    """Create a small list for each number below `limit`."""
    return [[user, number] for number in range(limit)]


def work(records: int) -> int:
    """Create `records` small records, and group them by name."""
    by_name: dict[str, list[int]] = {}
    for number in range(records):
        record = _record(number)
        by_name.setdefault(record["name"], []).append(record["id"])
    return len(by_name)


def _record(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"user {number % 97}"}


TEN_MILLISECONDS: Final = 36_000
"""The number of records for which `work` takes about 10 ms."""


def _nothing() -> None:
    pass


def _no_spans() -> int:
    return 0


@frozen
class Case:
    """The measured code of one row.

    Args:
        run: Makes the given number of calls.
        flush: Exports all recorded data.
        spans_exported: Returns the number of spans exported so far.
        makes_spans: Whether each call creates a span.
        min_calls: The minimum number of calls in a round; less than 100 for slow calls.
    """

    run: Callable[[int], None]
    flush: Callable[[], object] = _nothing
    spans_exported: Callable[[], int] = _no_spans
    makes_spans: bool = False
    min_calls: int = 100


def calls_of(function: Callable[..., Any]) -> Callable[[int], None]:
    """Return a function that calls `function` a number of times with the same arguments."""

    def run(calls: int) -> None:
        for _ in repeat(None, calls):
            function("user", "key", limit=20)

    return run
