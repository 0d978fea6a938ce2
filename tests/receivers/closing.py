"""What receivers share: they close themselves, and are polled for what they have."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

Seen = TypeVar("Seen")


class Closing:
    """Closes itself at the end of a ``with`` block, whatever happens in it."""

    def close(self) -> None:
        """End, and leave nothing behind."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def poll(look: Callable[[], Seen | None], timeout: float, complaint: str) -> Seen:
    """Look until there is something to see; return that, or raise TimeoutError."""
    end = time.monotonic() + timeout
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{complaint} (after {timeout} s)")
        time.sleep(0.005)
    return seen
